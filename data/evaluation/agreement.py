"""Agreement between people who looked at the same notes: the usual coefficients, field by field.

Values are compared as everywhere (`data/evaluation/scoring.py`): after normalising, and as sets in list fields. No
value is a value of its own. Sources: J. Cohen, "A coefficient of agreement for nominal scales", 1960, as computed by
statsmodels; J. Fleiss, "Measuring nominal scale agreement among many raters", 1971, likewise; K. Krippendorff,
"Computing Krippendorff's Alpha-Reliability", 2011, in `data/evaluation/alpha.py`. All are 1 for full agreement and 0
for what chance alone would give.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from data.evaluation.alpha import nominal_alpha
from data.evaluation.scoring import is_right, items
from data.task import Field, Task

Said = Mapping[str, Mapping[str, str | None]]
"""What was said about one note: person to field to value."""


@dataclass(frozen=True)
class FieldAgreement:
    """How far people agree on one field, or over all fields together.

    A coefficient is None where it is not defined: with fewer than two people or notes, or where everybody always said
    one and the same, so that chance alone would agree as well.

    Attributes:
        n_notes: notes that two or more people looked at.
        agreed: share of the notes where all said the same.
        cohen: Cohen's kappa of two people; of more, the mean over pairs weighted by the notes that a pair shares.
        fleiss: Fleiss' kappa over the notes that the usual number of people looked at.
        alpha: Krippendorff's alpha over all.
    """

    n_notes: int
    agreed: float
    cohen: float | None
    fleiss: float | None
    alpha: float | None


def same_record(task: Task, one: Mapping[str, str | None], other: Mapping[str, str | None]) -> bool:
    """Whether two people say the same in every field."""
    return all(is_right(field, one.get(field.key), other.get(field.key)) for field in task.fields)


def differing_fields(task: Task, said: Said) -> list[str]:
    """The fields in which people differ about a note, in the task's order."""
    return [field.key for field in task.fields if len({_label(field, values) for values in said.values()}) > 1]


def agreement(task: Task, notes: Sequence[Said]) -> dict[str, FieldAgreement]:
    """Field to how far people agree on it.

    Args:
        task: names the fields.
        notes: what was said about each note; those that fewer than two people looked at do not count.
    """
    shared = [said for said in notes if len(said) > 1]
    people = sorted({person for said in shared for person in said})
    found = {}
    for field in task.fields:
        labels = [{person: _label(field, values) for person, values in said.items()} for said in shared]
        codes = {label: code for code, label in enumerate(sorted({one for said in labels for one in said.values()}))}
        found[field.key] = _measure_field(
            [{who: codes[label] for who, label in said.items()} for said in labels], people
        )
    return found


def _label(field: Field, values: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(sorted(items(values.get(field.key), field)))


def _measure_field(coded: list[dict[str, int]], people: list[str]) -> FieldAgreement:
    """The figures of one field.

    Args:
        coded: of each note, person to the number of what they said.
        people: everybody.
    """
    if not coded:
        return FieldAgreement(0, math.nan, None, None, None)
    n_codes = 1 + max(code for said in coded for code in said.values())
    agreed = sum(len(set(said.values())) == 1 for said in coded) / len(coded)
    if n_codes == 1:  # nobody ever differed, and nobody could have
        return FieldAgreement(len(coded), agreed, None, None, None)
    return FieldAgreement(
        len(coded),
        agreed,
        _cohen(coded, people, n_codes),
        _fleiss(coded, n_codes),
        nominal_alpha([*said.values()] for said in coded),
    )


def _cohen(coded: list[dict[str, int]], people: list[str], n_codes: int) -> float | None:
    import numpy
    from statsmodels.stats.inter_rater import cohens_kappa

    total = n_shared = 0.0
    for one, other in combinations(people, 2):
        both = numpy.zeros((n_codes, n_codes))
        for said in coded:
            if one in said and other in said:
                both[said[one], said[other]] += 1
        n = both.sum()
        by_chance = (both.sum(axis=0) * both.sum(axis=1)).sum() / n**2 if n else 1.0
        if by_chance < 1:
            total += n * float(cohens_kappa(both, return_results=False))
            n_shared += n
    return total / n_shared if n_shared else None


def _fleiss(coded: list[dict[str, int]], n_codes: int) -> float | None:
    import numpy
    from statsmodels.stats.inter_rater import fleiss_kappa

    usual = Counter(len(said) for said in coded).most_common(1)[0][0]
    counted = [numpy.bincount([*said.values()], minlength=n_codes) for said in coded if len(said) == usual]
    table = numpy.stack(counted)
    if numpy.count_nonzero(table.sum(axis=0)) < 2:
        return None
    return float(fleiss_kappa(table))
