"""The notes that a new user sees first: like real ones, with names of real drugs, genes and tumours only.

From a seed that no model is trained on.
"""

from __future__ import annotations

from data.notes import content_hash, split_of
from data.synthetic.corpus import INSTRUCTION, generate_one

SAMPLE_SEED = 7001  # training uses seeds below 1000
MIX = {"report": 1.0}  # abstracts hold invented names
SHORTEST, USUAL, LONGEST = 350, 2500, 9000  # characters
EVERY_LONG = 12  # of the notes above the usual length, one in so many is shown

N_NOTES = 72
N_ORIGINALS = {"train": 300, "holdout": 100}


def sample_rows() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Incoming notes, and originals of which 300 hash to the training side and 100 to the hold-out."""
    notes: list[dict[str, object]] = []
    originals: list[dict[str, object]] = []
    wanted = dict(N_ORIGINALS)
    seen: set[str] = set()
    index = 0
    while len(notes) < N_NOTES or any(wanted.values()):
        index += 1
        example = generate_one(SAMPLE_SEED, index - 1, mix=MIX)
        hashed = content_hash(example.text)
        if hashed in seen or not _is_shown(len(example.text), index):
            continue
        seen.add(hashed)
        if len(notes) < N_NOTES and split_of(hashed) == "train":
            notes.append({"id": f"note-{len(notes) + 1:04d}", "text": example.text})
        elif wanted[split_of(hashed)]:
            wanted[split_of(hashed)] -= 1
            originals.append(
                {
                    "id": f"original-{len(originals) + 1:04d}",
                    "instruction": INSTRUCTION,
                    "input": example.text,
                    "output": example.output,
                }
            )
    return notes, originals


def _is_shown(length: int, index: int) -> bool:
    return SHORTEST <= length <= USUAL or (USUAL < length <= LONGEST and index % EVERY_LONG == 0)
