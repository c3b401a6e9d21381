"""Words, values, synonyms, rules and encodings: text before anything is known of notes."""
