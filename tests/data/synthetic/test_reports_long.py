"""Long reports: as long as real ones, their facts anywhere, their answers supported by the text."""

from collections import Counter
from functools import cache

from data.grounding.evidence import ground
from data.suggestion import Grounding
from data.synthetic.corpus import generate
from data.synthetic.example import FIELDS, Example
from data.task import DEFAULT_TASK, Extraction, load_task

LONG = 6000  # characters
N = 4000
N_GROUNDED = 300


@cache
def reports() -> tuple[Example, ...]:
    return tuple(generate(23, N, mix={"report": 1}))


@cache
def grounded(is_long: bool) -> tuple[Counter[Grounding], tuple[float, ...]]:
    """How the values of some reports rest on them, and where their tumours stand, from 0 to 1."""
    task = load_task(DEFAULT_TASK)
    kinds: Counter[Grounding] = Counter()
    places = []
    for example in [one for one in reports() if (len(one.text) >= LONG) is is_long][:N_GROUNDED]:
        found = ground(task, example.text, Extraction(task, example.output))
        kinds.update(one.grounding for one in found.values())
        places += [
            one.spans[0].start / len(example.text) for key, one in found.items() if key == FIELDS[0] and one.spans
        ]
    return kinds, tuple(places)


def test_about_one_report_in_twelve_is_long_and_none_is_longer_than_real_ones() -> None:
    lengths = sorted(len(one.text) for one in reports() if len(one.text) >= LONG)
    assert 0.06 < len(lengths) / N < 0.10
    assert lengths[-1] < 13_500
    assert lengths[len(lengths) // 10] < 7200
    assert lengths[-len(lengths) // 10] > 8800


def test_the_tumour_stands_at_the_start_in_the_middle_and_at_the_end_of_long_reports() -> None:
    _, places = grounded(True)
    thirds = Counter(min(2, int(3 * place)) for place in places)
    assert len(places) > 200
    assert min(thirds[third] for third in range(3)) / len(places) > 0.2, thirds


def test_answers_of_long_reports_are_supported_as_well_as_those_of_others() -> None:
    lost = []
    for is_long in (True, False):
        kinds, _ = grounded(is_long)
        lost.append(kinds[Grounding.NOT_FOUND] / kinds.total())
    assert lost[0] <= lost[1] + 0.015, lost


def test_each_field_is_empty_and_filled_among_long_reports() -> None:
    long = [one.output for one in reports() if len(one.text) >= LONG]
    for key in FIELDS:
        assert 0.03 < sum(output[key] is None for output in long) / len(long) < 0.97
    assert sum(not any(output.values()) for output in long) >= 5  # nothing malignant


def test_some_reports_hold_a_table() -> None:
    tables = sum(
        any(
            head in one.text
            for head in ("Test | ", "Test\t", "Test  ", "Test; ", "Marker", "Antibody", "Stain", "Cycle")
        )
        for one in reports()
    )
    assert 0.12 < tables / N < 0.35
