"""Files on the disk: written whole, known by digest, weights that cannot run code, what ships with caseloop."""
