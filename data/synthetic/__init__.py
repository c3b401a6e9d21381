"""Made-up oncology notes with labels: the corpus that the model learns from, and the sets that come with caseloop."""
