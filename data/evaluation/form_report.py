"""The figures of a form in words and as tables, for whoever decides whether an adapter is worth having."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data.task import Task
from data.text.figures import percent

COLUMNS = ("field", "right in the form", "empty form", "exact", "normalised", "f1")
"""Of `field_table`."""
LENGTH_COLUMNS = ("tokens of a note", "notes", "right in the form", "empty form")
"""Of `length_table`."""


def field_table(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each field and one for their mean, from a score's JSON with those of its form."""
    rows = [*figures["fields"].items(), ("mean over fields", figures["macro"])]
    names = ("accepted", "empty_form", "exact", "normalised", "f1")
    return [(key, *(f"{of[name]:.3f}" for name in names)) for key, of in rows]


def length_table(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each class of note length."""
    return [
        (_class(one), f"{one['n_notes']:,}", f"{one['accepted']:.3f}", f"{one['empty_form']:.3f}")
        for one in figures.get("lengths", ())
    ]


def _class(one: Mapping[str, Any]) -> str:
    if one["below"] is None:
        return f"{one['least']:,} and more"
    return f"{one['least']:,} to {one['below'] - 1:,}" if one["least"] else f"under {one['below']:,}"


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """What the figures say, a line each."""
    macro, shown, edits = figures["macro"], figures["shown"], figures["edits"]
    right = (
        f"The form is right in {percent(macro['accepted'])} of the fields; an empty one would be in "
        f"{percent(macro['empty_form'])}.{_accepting_words(figures)}"
    )
    in_form = (
        f"Values in the form: {shown['n']:,} of {shown['n_proposed']:,} proposed, "
        f"{_right_words(shown['n_right'], shown['n'])}. Of the {shown['n_gold']:,} fields that have a value, "
        f"{percent(shown['share'])} are filled in, {percent(shown['recall'])} rightly."
    )
    work = (
        f"To put right: {edits['form']:.0f} characters a note, from an empty form {edits['empty_form']:.0f}: "
        f"{_saved_words(edits['saved'])}."
    )
    said = [right, in_form, work, _sure_words(figures["sure"])]
    if "invented_names" in figures:
        n = figures["invented_names"]
        said.append(f"Invented names (in neither note nor lexicon): {n:,}.")
    if "house_words" in figures:
        n = figures["house_words"]
        said.append(f"House words (learned from reviewers, not counted as invented): {n:,}.")
    return said


def warnings(task: Task, figures: Mapping[str, Any]) -> list[str]:
    """A sentence for each way in which the form is worse than an empty one."""
    macro = figures["macro"]
    said = []
    if macro["accepted"] < macro["empty_form"]:
        said.append("This adapter costs work on these notes: an empty form is right in more fields.")
    for field in task.fields:
        of = figures["fields"][field.key]
        if of["accepted"] < of["empty_form"]:
            said.append(
                f"{field.title}: worse than an empty field, which is right in {percent(of['empty_form'])} of the "
                f"notes; the form is in {percent(of['accepted'])}."
            )
    if figures["edits"]["saved"] < 0:
        said.append("Correcting the form takes more typing than filling in an empty one.")
    return said


def _accepting_words(figures: Mapping[str, Any]) -> str:
    n = figures["n_with_accepted"]
    if not n:
        return ""
    return f" Other values that the file accepts count as right; {n:,} of {figures['n_notes']:,} notes have some."


def _right_words(n_right: int, n: int) -> str:
    return f"{n_right:,} of them right ({percent(n_right / n)})" if n else "none of them right"


def _saved_words(saved: float) -> str:
    return f"{saved:.0f} saved" if saved >= 0 else f"{-saved:.0f} more"


def _sure_words(sure: Mapping[str, int]) -> str:
    if not sure["n"]:
        return "Shown as sure: nothing."
    return (
        f"Shown as sure: {sure['n']:,} fields, {_right_words(sure['n_right'], sure['n'])}; with a value "
        f"{sure['n_values']:,}, {sure['n_values_right']:,} of them right."
    )
