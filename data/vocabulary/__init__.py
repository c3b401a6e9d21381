"""Words that a value may be made of: from its note, from the lexicon, from reviewers."""
