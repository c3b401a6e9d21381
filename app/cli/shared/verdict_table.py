"""A verdict as a page in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.terminal import write, write_table
from data.task import Task
from data.text.figures import percent, points

HEADINGS = ("right in", "old", "new", "change", "95 % interval")


def write_verdict(task: Task, gate: Mapping[str, Any]) -> None:
    """Write what was better and what was worse, what speaks against the adapter, and what was decided.

    Args:
        task: names the fields.
        gate: the verdict as the run's row keeps it; of old runs there is only the sentence.
    """
    if gate.get("fields"):
        write_table(HEADINGS, [_row("fields, on average", gate, gate["change"]), *_fields(task, gate["fields"])])
        write("")
        for line in _facts(gate):
            write(line)
        write("")
    if gate.get("outcome") != "blocked":  # whose sentence names them
        for reason in gate.get("reasons", ()):
            write(f"Against it: {reason}")
    write(str(gate.get("sentence", "")))
    if gate.get("decision"):
        write(decision_line(gate["decision"]))


def decision_line(decision: Mapping[str, Any]) -> str:
    """What a person decided about an adapter, by whom, when and why."""
    return f"{decision['kind']} by {decision['by']} at {str(decision['at'])[:16]} UTC: {decision['reason']}"


def _fields(task: Task, fields: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [_row(field.title, fields[field.key], fields[field.key]) for field in task.fields if field.key in fields]


def _row(title: str, shares: Mapping[str, Any], by: Mapping[str, Any]) -> tuple[str, ...]:
    interval = "" if by["low"] is None else f"{points(by['low'])} to {points(by['high'])}"
    return title, percent(shares["old"]), percent(shares["new"]), _points(by["change"]), interval


def _facts(gate: Mapping[str, Any]) -> list[str]:
    """The figures beside the fields, a line each."""
    whole, invented, valid = gate["all_fields"], gate["hallucination"], gate["json_valid"]
    lines = [
        f"every field right      {_before_and_now(whole)}",
        f"value where none is    {_before_and_now(invented)}",
        f"replies that are read  {_before_and_now(valid)}",
    ]
    if whole["p"] is not None:
        lines[0] += f"  {whole['n_gained']} notes gained, {whole['n_lost']} lost, p {whole['p']:.3f}"
        lines[1] += f"  {points(invented['low'])} to {points(invented['high'])} points"
        lines.append(f"notes                  {gate['n_better_notes']} better, {gate['n_worse_notes']} worse")
    return lines


def _before_and_now(figures: Mapping[str, Any]) -> str:
    return f"{percent(figures['old']):>8} {percent(figures['new']):>8}"


def _points(change: float | None) -> str:
    return "" if change is None else points(change)
