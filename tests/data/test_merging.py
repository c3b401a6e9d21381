"""Merging two versions of a note: what one person touched alone is taken, what both touched is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data.merging import merge

KEYS = ("stage", "response", "site")
BASE = {"stage": "IV", "response": "partial", "site": None}


def test_what_only_one_touched_is_taken_from_that_one() -> None:
    found = merge(BASE, {**BASE, "stage": "III"}, {**BASE, "site": "bone"})
    assert found.values == {"stage": "III", "response": "partial", "site": "bone"}
    assert (found.taken, found.kept, found.both) == (("site",), ("stage",), ())


def test_what_both_touched_is_for_a_person() -> None:
    found = merge(BASE, {**BASE, "stage": "III", "site": "liver"}, {**BASE, "stage": "II", "site": "liver"})
    assert found.values == {"stage": "III", "response": "partial", "site": "liver"}
    assert (found.taken, found.kept, found.both) == ((), (), ("stage",))


def test_a_value_that_one_confirmed_and_the_other_changed_is_for_a_person() -> None:
    changed = {**BASE, "stage": None}
    assert merge(BASE, BASE, changed).taken == ("stage",)
    assert merge(BASE, BASE, changed, confirmed=["stage"]).both == ("stage",)
    assert merge(BASE, changed, BASE).kept == ("stage",)
    assert merge(BASE, changed, BASE, theirs_confirmed=["stage"]).both == ("stage",)


def test_a_field_that_the_other_version_lacks_has_no_value_there() -> None:
    assert merge({}, {"stage": None}, {"stage": "II"}).taken == ("stage",)
    assert merge({"stage": "IV"}, {"stage": "IV"}, {}).values == {"stage": None}


values = st.fixed_dictionaries({key: st.sampled_from([None, "a", "b", "c"]) for key in KEYS})
confirmations = st.sets(st.sampled_from(KEYS))


@given(values, values, values, confirmations, confirmations)
def test_nothing_that_a_person_touched_is_ever_dropped_unasked(base, mine, theirs, confirmed, other) -> None:  # type: ignore[no-untyped-def]
    found = merge(base, mine, theirs, confirmed=confirmed, theirs_confirmed=other)
    assert set(found.taken) | set(found.kept) | set(found.both) == {key for key in KEYS if mine[key] != theirs[key]}
    assert len({*found.taken, *found.kept, *found.both}) == len(found.taken + found.kept + found.both)
    for key in KEYS:
        if found.values[key] != mine[key]:  # only what one left alone gives way
            assert mine[key] == base[key]
            assert key not in confirmed
        if found.values[key] != theirs[key] and key not in found.both:
            assert theirs[key] == base[key]
            assert key not in other
    back = merge(base, theirs, mine, confirmed=other, theirs_confirmed=confirmed)
    assert [{*back.taken}, {*back.kept}, {*back.both}] == [{*found.kept}, {*found.taken}, {*found.both}]
    assert all(back.values[key] == found.values[key] for key in KEYS if key not in found.both)
