"""The notes that a new user sees first: from a seed that no model is trained on."""

from __future__ import annotations

from data.notes import content_hash, split_of
from data.synthetic import INSTRUCTION, generate_one

SAMPLE_SEED = 7001  # training uses seeds below 1000
# Notes that say nothing but stock phrases in the usual order; they make dull samples.
LEFT_OUT = frozenset(
    (
        12,
        29,
        42,
        52,
        54,
        71,
        77,
        136,
        206,
        222,
        382,
        451,
        469,
        515,
        529,
        555,
        561,
        577,
        602,
        665,
        666,
        697,
        719,
        773,
        779,
        796,
        807,
        832,
        840,
        880,
        897,
        919,
        927,
        935,
        943,
        971,
        1085,
        1150,
        1196,
        1200,
        1212,
        1277,
        1289,
        1414,
        1447,
        1496,
        1554,
        1565,
        1566,
        1572,
        1574,
        1579,
        1597,
        1599,
        1642,
        1664,
        1667,
        1670,
        1721,
        1765,
        1785,
    )
)

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
        if index - 1 in LEFT_OUT:
            continue
        example = generate_one(SAMPLE_SEED, index - 1)
        hashed = content_hash(example.text)
        if hashed in seen:
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
