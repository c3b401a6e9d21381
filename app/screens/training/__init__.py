"""The Train screen: material of the next run, its progress, verdicts, comparisons."""
