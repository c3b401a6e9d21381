"""Learning curves of the desk: what one says, and the newest one that was drawn.

A curve is a training run like any other, requested, supervised, stopped and resumed in the same way; but it ends with
`curve.json` in its directory and publishes no adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.settings import Settings
from app.training.conclusion import Job
from data.gate.learning_curve import Curve, CurveError, Finding, findings, read_curve
from data.task import Task
from db.people.acting import as_program
from db.training.runs import update_run

CURVE = "curve.json"


@dataclass(frozen=True)
class Drawn:
    """A curve that was drawn, and what it says.

    Attributes:
        name: of the run that drew it.
        findings: about the mean over fields first, then about each field.
    """

    name: str
    curve: Curve
    findings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """The curve as plain JSON values."""
        sentences = [finding.sentence for finding in self.findings]
        return {"run": self.name, **self.curve.model_dump(mode="json"), "sentences": sentences}


def conclude_curve(desk: Desk, job: Job) -> Drawn:
    """Tell the store that the curve of a run is drawn.

    Raises:
        DeskError: the trainer left none.
        StoreError: the store refused.
    """
    drawn = _read_drawn(desk.task, job.directory)
    if drawn is None:
        raise DeskError(f"Expected a learning curve in {job.directory}; found none. Resume the run.")
    with as_program(desk.store) as program:
        update_run(program, job.run_id, status="finished", pid=None, message=drawn.findings[0].sentence)
    return drawn


def newest_curve(settings: Settings, task: Task) -> Drawn | None:
    """The curve that was drawn last in this home, None where there is none.

    Raises:
        DeskError: its file cannot be read.
    """
    directories = sorted((path.parent for path in settings.runs.glob(f"*/{CURVE}")), reverse=True)
    return _read_drawn(task, directories[0]) if directories else None


def _read_drawn(task: Task, directory: Path) -> Drawn | None:
    try:
        curve = read_curve((directory / CURVE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, CurveError) as error:
        raise DeskError(f"Expected a learning curve in {directory}; it cannot be read. Draw one again.") from error
    return Drawn(directory.name, curve, findings(curve, {field.key: field.title for field in task.fields}))
