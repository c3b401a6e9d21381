"""Limits of what is taken in from outside, all of them; docs/leading.md lists them ("Limits of an import").

They bound memory as well: whatever a file holds, no more than one record of it, or one batch of notes, is held at once.
"""

from __future__ import annotations

MIB = 1 << 20

# A note.
MAX_NOTE_CHARACTERS = 20_000
MAX_ID_CHARACTERS = 200
MAX_VALUE_CHARACTERS = 2000
MAX_METADATA_CHARACTERS = 20_000
MAX_METADATA_DEPTH = 16
MAX_MARKS = 30
"""Accents on one character, as in Unicode's stream-safe text: the time to put them in order grows with their square."""

# A record of any file, before it is a note.
MAX_RECORD_BYTES = 4 * MIB
MAX_DIGITS = 300

# A folder, and a file that comes through the browser.
MAX_FOLDER_DEPTH = 32
MAX_UPLOAD_BYTES = 64 * MIB

# An archive, and files that are read as a whole.
MAX_UNPACKED_BYTES = 4096 * MIB
MAX_PACKING = 200
"""How many times its size a packed file may unpack to; text comes to five to twenty."""
MAX_ZIP_DIRECTORY_BYTES = 16 * MIB
MAX_HELD_BYTES = 64 * MIB
MAX_HELD_VALUES = 4_000_000
MAX_DOCUMENT_BYTES = 16 * MIB
MAX_PAGES = 500

# A Parquet file, which unpacks to many times its size. A page is what it unpacks at once; several columns are open
# together. Nested values are the items of lists, which have no other bound: a million of them fit into a few bytes.
MAX_PARQUET_FOOTER_BYTES = 16 * MIB
MAX_PARQUET_COLUMNS = 1000
MAX_PARQUET_ROWS = 5_000_000
MAX_PARQUET_PAGES_BYTES = 128 * MIB
MAX_PARQUET_NESTED_VALUES = 10_000_000

# What is held of an import at once.
MAX_BATCH_NOTES = 2000
MAX_BATCH_CHARACTERS = 8_000_000
MAX_REFUSALS = 20
"""Refusals that a report spells out; the rest is a count."""
