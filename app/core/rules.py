"""What a lead decides about reviewing: what asks to be looked at, what a save needs, what is measured on the side.

Kept in the store under `rules`, `guideline.<field>`, `keys.<reviewer>` and `tour.<reviewer>`; what nobody has set has
its default here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.core.errors import DeskError
from data.cutoffs import BUDGET, SURE
from data.task import Task
from db.people.acting import Act, LeadAct
from db.people.settings import drop_setting, get_settings, put_own_setting, put_setting
from db.store.store import Session

MAX_GUIDELINE_CHARACTERS = 2000
MAX_KEYS = 60
MAX_COLUMNS_SHOWN = 40

Confirm = Literal["asked", "all", "none"]
Ended = Literal["finished", "skipped"]
Share = Annotated[float, Field(ge=0.0, le=0.5)]


class Rules(BaseModel):
    """What holds for every reviewer.

    Attributes:
        confirm: which fields a save needs a person to have confirmed or changed: those that ask to be looked at, all
            of them, or none.
        look_share: of the fields, how many ask to be looked at: those of which the adapter is least sure.
        look_below: field key to a confidence below which its value asks instead, whatever others ask.
        blind_share: of the notes, how many are shown without the suggested values, to measure what they save.
        seeded_share: of the notes, how many get one wrong value, to measure how often a wrong value passes.
        metadata_shown: the columns that are shown beside a note, in their order; None for the first short ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: Confirm = "asked"
    look_share: Annotated[float, Field(ge=0.0, le=1.0)] = BUDGET
    look_below: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]] = Field(default_factory=dict)
    blind_share: Share = 0.0
    seeded_share: Share = 0.0
    metadata_shown: Annotated[tuple[str, ...], Field(max_length=MAX_COLUMNS_SHOWN)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_old_default(cls, values: Any) -> Any:
        """Rules from before there was a share kept the default of 90 % for each field, which nobody had chosen."""
        if not isinstance(values, dict) or "look_share" in values or not isinstance(values.get("look_below"), dict):
            return values
        return {**values, "look_below": {key: one for key, one in values["look_below"].items() if one != SURE}}


def read_rules(session: Session) -> Rules:
    """The rules that hold; what the store has and this version does not understand is left to its default."""
    found = get_settings(session, "rules").get("rules", {})
    try:
        return Rules.model_validate(found)
    except ValidationError:
        return Rules()


def change_rules(act: LeadAct, task: Task, changes: Mapping[str, Any]) -> Rules:
    """Change some of the rules.

    Raises:
        DeskError: a value is none that the rule can have.
    """
    try:
        before = read_rules(act.session)
        rules = Rules.model_validate({**before.model_dump(), **changes})
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]) for problem in error.errors()})
        raise DeskError(
            "Expected shares from 0 to 50 %, thresholds from 0 to 100 % and at most "
            f"{MAX_COLUMNS_SHOWN} columns; check {', '.join(names)}."
        ) from error
    aside = {key: share for key, share in before.look_below.items() if key not in task.keys}  # of a former task
    unknown = set(rules.look_below) - set(task.keys) - set(aside)
    if unknown:
        raise DeskError(f"Expected thresholds for fields of the task; found {len(unknown)} for other fields.")
    kept = rules.model_dump()
    put_setting(act, "rules", {**kept, "look_below": {**aside, **kept["look_below"]}})
    return rules


def read_guidelines(session: Session, task: Task) -> dict[str, str]:
    """What the lead wrote for each field; the task's own description where nothing was written."""
    written = get_settings(session, "guideline.")
    return {field.key: str(written.get(f"guideline.{field.key}", field.description)) for field in task.fields}


def write_guideline(act: LeadAct, task: Task, key: str, text: str) -> None:
    """Keep a field's guideline; an empty one goes back to the task's description.

    Raises:
        TaskError: no field has this key.
        DeskError: it is too long.
    """
    task.field(key)
    text = text.strip()
    if len(text) > MAX_GUIDELINE_CHARACTERS:
        raise DeskError(
            f"Expected a guideline of at most {MAX_GUIDELINE_CHARACTERS:,} characters; found {len(text):,}."
        )
    if text and text != task.field(key).description:
        put_setting(act, f"guideline.{key}", text)
    else:
        drop_setting(act, f"guideline.{key}")


def read_keys(session: Session, reviewer: str) -> dict[str, str]:
    """The keys that a reviewer gave to actions; the others have the desk's own."""
    found = get_settings(session, f"keys.{reviewer}").get(f"keys.{reviewer}", {})
    return {str(action): str(key) for action, key in found.items()}


def write_keys(act: Act, keys: Mapping[str, str]) -> None:
    """Keep a reviewer's keys; none at all brings the desk's own back."""
    put_own_setting(act, "keys", dict(keys) or None)


def read_tour(session: Session, reviewer: str) -> Ended | None:
    """How a reviewer ended the tour of the desk; None while they have not, so that it is shown."""
    found = get_settings(session, f"tour.{reviewer}").get(f"tour.{reviewer}")
    return None if found is None else "finished" if found == "finished" else "skipped"


def write_tour(act: Act, ended: Ended) -> None:
    """Keep that a reviewer ended the tour, so that it is not shown by itself again."""
    put_own_setting(act, "tour", ended)
