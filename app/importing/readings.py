"""How labels were read that were not written as the task writes them: counted, and told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from data.notes import Note
from data.text.figures import plural


@dataclass
class Readings:
    """Of the labels of an import, what was read otherwise than it stood.

    Attributes:
        n_placeholders: values that only said that there is none.
        placeholder: the first of these, for instance "N/A".
        missing: field key to how many records did not have it.
    """

    n_placeholders: int = 0
    placeholder: str = ""
    missing: Counter[str] = field(default_factory=Counter)

    def count(self, note: Note) -> None:
        """Count what was read so in a note."""
        labels = note.labels
        if labels is None or not (labels.n_placeholders or labels.missing):
            return
        self.n_placeholders += labels.n_placeholders
        self.placeholder = self.placeholder or labels.placeholder
        self.missing.update(labels.missing)

    def sentences(self) -> list[str]:
        """For a person; none where everything stood as usual."""
        said = []
        if n := self.n_placeholders:
            were = "label was" if n == 1 else "labels were"
            such = f"“{self.placeholder}”" if n == 1 else f"words such as “{self.placeholder}”"
            said.append(f"{n:,} {were} read as empty: {such} for no value.")
        if self.missing:
            fields = ", ".join(f"{key} ({n:,})" for key, n in self.missing.items())
            notes = plural(max(self.missing.values()), "record")
            said.append(f"Fields that {notes} lacked were read as empty: {fields}.")
        return said
