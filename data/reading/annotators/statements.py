"""Statements as they are put together: values under names, and spans in a text that may be counted in several ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.reading.records import Record, Statement


@dataclass
class Said:
    """What is said of one text, while it is read.

    Attributes:
        text: the text as it stands in the file.
    """

    text: str = field(repr=False)
    values: dict[str, list[str]] = field(default_factory=dict, repr=False)
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    unplaced: dict[str, list[str]] = field(default_factory=dict, repr=False)
    """Words under a label that stand nowhere in one piece."""

    def add(self, name: object, value: object) -> None:
        """Take a value, or several in a list; what is none is passed over."""
        for one in value if isinstance(value, list) else [value]:
            said = plain(one)
            if said and isinstance(name, str) and name:
                self.values.setdefault(name, []).append(said)

    def mark(self, name: object, start: object, end: object, words: object = None) -> None:
        """Take a span, whose words are known or not; where they stand elsewhere they are a value without a place."""
        if not isinstance(name, str) or not name:
            return
        place = None  # also where it is told otherwise, as by the path of an element
        if _is_number(start) and _is_number(end):
            place = _placed(self.text, int(start), int(end), words if isinstance(words, str) else None)  # type: ignore[call-overload]
        if place is not None:
            self.spans.setdefault(name, []).append(place)
        elif isinstance(words, str):
            self.unplaced.setdefault(name, []).append(words)

    def score(self, name: object, sure: object) -> None:
        """Take how sure a model was; the least sure counts where it was said twice."""
        if isinstance(name, str) and isinstance(sure, (int, float)) and not isinstance(sure, bool) and 0 <= sure <= 1:
            self.scores[name] = min(float(sure), self.scores.get(name, 1.0))

    def statement(self, **about: Any) -> Statement:
        """All of it, with spans in the text as notes keep it."""
        spans = {name: sorted(places) for name, places in self.spans.items()}
        words = {name: [self.text[start:end] for start, end in places] for name, places in spans.items()}
        words |= {name: [*words.get(name, ()), *more] for name, more in self.unplaced.items()}
        if "\r" in self.text:
            spans = {name: [_with_feeds(self.text, place) for place in places] for name, places in spans.items()}
        return Statement(values=self.values, words=words, spans=spans, scores=self.scores, **about)

    def __bool__(self) -> bool:
        return bool(self.values or self.spans or self.unplaced)


def plain(value: object) -> str | None:
    """A value as text: a string, a number, or what tools wrap them into; None where it is none of these."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):  # a path in a taxonomy
        return " > ".join(value)
    if isinstance(value, Mapping):
        return next((said for key in ("value", "label", "text") if (said := plain(value.get(key)))), None)
    return None


def name_of(person: object) -> str | None:
    """A person or model as a tool names them: by a text, a number, or an object with an address or a name."""
    if isinstance(person, Mapping):
        whole = " ".join(str(person[key]) for key in ("first_name", "last_name") if person.get(key))
        parts = (person.get("email"), person.get("username"), whole, person.get("id"))
        return next((said for part in parts if (said := plain(part))), None)
    return plain(person)


def milliseconds(seconds: object) -> int | None:
    """Seconds as a tool gives them."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e9:
        return None
    return round(seconds * 1000)


def with_statements(
    record: Record, values: Mapping[str, Any], decisions: Iterable[Statement], proposals: Iterable[Statement] = ()
) -> Record:
    """The same record with other values and with what was said; null values are left out."""
    kept = {key: value for key, value in values.items() if value is not None}
    return Record(record.file, record.line, kept, decisions=tuple(decisions), proposals=tuple(proposals))


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; none where it is something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_key(values: Mapping[str, Any], wanted: Iterable[str]) -> str | None:
    """The key of the text: one that is wanted, or the only one with words; None where neither tells."""
    found = [key for key in wanted if isinstance(values.get(key), str)]
    strings = [key for key, value in values.items() if isinstance(value, str)]
    return found[0] if found else strings[0] if len(strings) == 1 else None


def spans_in(said: Said, spans: Sequence[object]) -> bool:
    """Take spans as [start, end, name], [name, start, end] or objects; whether all of them were such."""
    for span in spans:
        if isinstance(span, list) and len(span) >= 3:
            start, end, name = (span[1], span[2], span[0]) if isinstance(span[0], str) else span[:3]
        elif isinstance(span, dict):
            start = span.get("start", span.get("start_offset"))
            end = span.get("end", span.get("end_offset"))
            name = span.get("label")
        else:
            return False
        if not (isinstance(name, str) and _is_number(start) and _is_number(end)):
            return False
        said.mark(name, start, end, span.get("text") if isinstance(span, dict) else None)
        if isinstance(span, dict):
            said.score(name, span.get("score"))
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)


def _placed(text: str, start: int, end: int, words: str | None) -> tuple[int, int] | None:
    """Where a span is in code points; tools in JavaScript may count UTF-16 instead, which its words show."""
    if not 0 <= start < end:
        return None
    if end <= len(text) and (words is None or text[start:end] == words):
        return start, end
    if words is None:
        return None
    units = text.encode("utf-16-le", "surrogatepass")
    before, within = units[: 2 * start], units[2 * start : 2 * end]
    if within.decode("utf-16-le", "replace") != words:
        return None
    begin = len(before.decode("utf-16-le", "replace"))
    return begin, begin + len(words)


def _with_feeds(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """The same place where each line break is one line feed."""
    start, end = (at - text.count("\r\n", 0, at) for at in place)
    return start, end
