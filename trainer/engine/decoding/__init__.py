"""Which token comes next: the record, its words, drafts and runners-up."""
