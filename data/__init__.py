"""The domain: tasks, notes, prompts, scoring. Imports nothing of the other packages."""
