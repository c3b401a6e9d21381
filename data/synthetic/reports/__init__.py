"""Notes that read like real ones: published cases, clinic letters, consultations and pathology reports, with many empty fields."""
