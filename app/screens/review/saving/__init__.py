"""What the Review screen sends: drafts, decisions, conflicts, offers elsewhere, trials."""
