"""What is counted of decisions: statistics, and how suggestions fared with reviewers."""
