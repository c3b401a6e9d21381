"""The Queue screen: every note, filters, uploads, actions on many notes."""
