"""A learning curve as a file holds it, for tests of what is said and shown."""

from __future__ import annotations

from data.gate.learning_curve import Curve, Point, Share, Shares
from data.task import DEFAULT_TASK, load_task

TASK = load_task(DEFAULT_TASK)


def made_curve(first: Share, *, n_notes: int = 500, step: int = 100) -> Curve:
    """A curve whose last step of so many notes changed the first field like this, and the others hardly."""
    flat = Share(value=0.0, low=-0.001, high=0.001)
    level = Share(value=0.8, low=0.75, high=0.84)
    at = Shares(macro=level, fields=dict.fromkeys(TASK.keys, level)).model_dump()
    points = [
        Point(**at, n_corrections=n, n_corrected=0, n_rows=n, n_steps=1, seconds=1.0) for n in (0, 100, 100 + step)
    ]
    return Curve(
        mode="full",
        base="base",
        parent=None,
        snapshot_fingerprint="0",
        holdout_fingerprint="0",
        n_originals=20,
        n_notes=n_notes,
        seeds=(0,),
        config={},
        points=tuple(points),
        gain=Shares(macro=flat, fields={**dict.fromkeys(TASK.keys, flat), TASK.keys[0]: first}),
        created_at="2026-01-01T00:00:00+00:00",
    )
