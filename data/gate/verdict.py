"""The gate's verdict on a new adapter: its figures, the sentence for a person, and the JSON that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

VerdictOutcome = Literal["first", "better", "unclear", "worse", "blocked"]
DecisionKind = Literal["activated", "activated anyway", "rejected", "rolled back"]
N_USES_WORN = 5
"""Decisions after which a hold-out is called worn: every choice made on it fits the next adapters to it a little (C.
Dwork and others, "The reusable holdout: preserving validity in adaptive data analysis", Science 2015)."""


@dataclass(frozen=True)
class Change:
    """A figure of the new adapter less the old one's, with the 95 % interval of that difference; shares."""

    change: float
    low: float
    high: float


@dataclass(frozen=True)
class FieldChange:
    """The share of notes where one field is right; `old` and `by` are None where there is no old adapter."""

    old: float | None
    new: float
    by: Change | None

    def to_json(self) -> dict[str, float | None]:
        """The figures as plain JSON values."""
        return {"old": self.old, "new": self.new, **_flatten(self.by)}


@dataclass(frozen=True)
class AllFields:
    """Notes with every field right, compared by McNemar's exact test.

    Attributes:
        old: their share with the old adapter; None where there is none, as for `p`.
        new: with the new one.
        n_gained: notes that only the new adapter has all right.
        n_lost: notes that only the old one has.
        p: two-sided: how often chance alone would show such a difference or a larger one.
    """

    old: float | None
    new: float
    n_gained: int
    n_lost: int
    p: float | None


@dataclass(frozen=True)
class Validity:
    """The share of replies that could be read; `old` is None where there is no old adapter."""

    old: float | None
    new: float


@dataclass(frozen=True)
class Verdict:
    """Whether a new adapter may take over, how sure that is, and what speaks against it.

    Attributes:
        outcome: `first`: there was none to compare with. `better`: the interval of the change lies above 0. `blocked`:
            so it does, but a reason holds it back. `unclear`: the interval includes 0. `worse`: it lies below.
        passed: whether it may take over.
        sentence: all of it for a person.
        reasons: what speaks against it, each one sentence; any of them blocks.
        n_notes: hold-out notes.
        old: mean over fields of the share of notes where the field is right; None where there is no old adapter.
        new: of the new one.
        change: `new` less `old`; None where there is no old adapter, as for `detectable`.
        fields: field key to its figures.
        hallucination: share of the fields without a gold value that were given one.
        detectable: the smallest true change that so many notes would show in 8 of 10 cases.
        n_better_notes: notes in which more fields are right than before; `n_worse_notes`: fewer.
        n_uses: how often this hold-out had decided before.
    """

    outcome: VerdictOutcome
    sentence: str
    reasons: tuple[str, ...]
    n_notes: int
    old: float | None
    new: float
    change: Change | None
    fields: Mapping[str, FieldChange]
    all_fields: AllFields
    hallucination: FieldChange
    json_valid: Validity
    detectable: float | None
    n_better_notes: int
    n_worse_notes: int
    n_uses: int = 0

    @property
    def passed(self) -> bool:
        """Whether it may take over."""
        return self.outcome in ("first", "better")

    def with_uses(self, n_uses: int) -> Self:
        """The same verdict, which says how often its hold-out had decided before."""
        if n_uses <= N_USES_WORN:
            return replace(self, n_uses=n_uses)
        worn = (
            f"This hold-out has decided {n_uses} times before, so a narrow gain on it may be luck: "
            "bring more labelled notes, one in ten of which make it grow."
        )
        return replace(self, n_uses=n_uses, sentence=f"{self.sentence} {worn}")

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return {
            "outcome": self.outcome,
            "passed": self.passed,
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "n_notes": self.n_notes,
            "old": self.old,
            "new": self.new,
            "change": _flatten(self.change),
            "fields": {key: figures.to_json() for key, figures in self.fields.items()},
            "all_fields": asdict(self.all_fields),
            "hallucination": self.hallucination.to_json(),
            "json_valid": asdict(self.json_valid),
            "detectable": self.detectable,
            "n_better_notes": self.n_better_notes,
            "n_worse_notes": self.n_worse_notes,
            "n_uses": self.n_uses,
        }


def notes(n_notes: int, kind: str = "hold-out ") -> str:
    """A count of notes with its noun."""
    return f"{n_notes:,} {kind}{'note' if n_notes == 1 else 'notes'}"


def _flatten(by: Change | None) -> dict[str, float | None]:
    return {"change": None, "low": None, "high": None} if by is None else asdict(by)


def with_decision(
    gate: Mapping[str, Any], kind: DecisionKind, *, by: str, reason: str, at: datetime | None = None
) -> dict[str, Any]:
    """A verdict as it is kept, with a decision; those before it are kept in `earlier_decisions`.

    Args:
        gate: the verdict so far.
        kind: what was decided.
        by: who did.
        reason: why.
        at: when; now if left out.
    """
    earlier = [*gate.get("earlier_decisions", ()), *([gate["decision"]] if gate.get("decision") else ())]
    moment = (at or datetime.now(UTC)).isoformat()
    decision = {"kind": kind, "by": by, "at": moment, "reason": reason}
    return {**gate, "decision": decision, "earlier_decisions": earlier}
