"""What an import says of notes that were here already: what it corrects in them, and ids that others have."""

from __future__ import annotations

from data.reading.records import Refusal
from db.notes.identity import Changes

MAX_NAMED = 20
"""Fields that a sentence lists."""


def describe_changes(changes: Changes, done: str) -> list[str]:
    """A sentence about what an update changes, field by field; none where it changes nothing.

    Args:
        changes: what it changes.
        done: what happens or happened to one note: "was corrected", "would be corrected".
    """
    if not changes.n_notes:
        return []
    n = changes.n_notes
    fields = ", ".join(f"{name} {count:,}" for name, count in changes.by_field.most_common(MAX_NAMED))
    were = done if n == 1 else done.replace("was", "were")
    return [f"{n:,} {'note' if n == 1 else 'notes'} {were}: {fields}."]


def same_id_refusal(place: str) -> Refusal:
    """The refusal of a record because another text has its id, where it was asked to be refused."""
    file, _, line = place.rpartition(" line ")
    number = line.replace(",", "")
    return Refusal(
        file=file if number.isdigit() else place,
        line=int(number) if number.isdigit() else None,
        column=None,
        expected="an id that no other text has",
        found="one under which another text is here",
        advice="import it as a new version or as a separate note",
    )
