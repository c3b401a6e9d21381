"""What the queue sends: saved filters, and what is done to many notes at once.

Long work goes in turns: the page asks for the next one until nothing is left, so it can show how far it is and stop.
Values are never decided on here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.screens.replies import answer_with
from app.screens.review.note.frame import MAX_COMMENT_CHARACTERS
from app.worker.calibration import apply_kept_curves
from data.cutoffs import SURE
from data.notes import Origin
from db.notes.queue.metadata import Condition, Test
from db.notes.queue.order import Order, check_order
from db.notes.queue.saved_filters import MAX_NAME_CHARACTERS, drop_filter, save_filter
from db.notes.queue.search import Filters, State
from db.people.acting import acting
from db.review.bulk import Action, Many, carry_out, plan, undo
from db.schema.errors import StoreError

MAX_SEARCH_CHARACTERS = 400
MAX_TICKED = 1000


def order_of(sent: str) -> Order:
    """The order of the queue that a page asks for.

    Raises:
        ValueError: there is no such order.
    """
    try:
        return check_order(sent)
    except StoreError as error:
        raise ValueError("no such order") from error


Reviewer = Annotated[str, Depends(current_reviewer)]
Number = Annotated[int, Field(ge=0, lt=1 << 62)]
Word = Annotated[str, Field(max_length=200)]
ChosenOrder = Annotated[Order, Field(max_length=2 * MAX_SEARCH_CHARACTERS), AfterValidator(order_of)]
"""An order of the queue, as a page sends it."""


class Shown(BaseModel):
    """The filter as the page has it; empty strings stand for any."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=MAX_SEARCH_CHARACTERS)] = ""
    state: State | Literal[""] = ""
    origin: Origin | Literal[""] = ""
    reviewer: Word = ""
    adapter: Word = ""
    is_unsure: bool = False
    is_not_found: bool = False
    is_corrected: bool = False
    is_disputed: bool = False
    meta_name: Annotated[str, Field(max_length=MAX_SEARCH_CHARACTERS)] = ""
    meta_test: Test = "is"
    meta_value: Annotated[str, Field(max_length=MAX_SEARCH_CHARACTERS)] = ""

    @model_validator(mode="after")
    def _of_a_column(self) -> Self:
        """A test of no column, and the value of a test that compares none, is not asked for."""
        if not self.meta_name:
            self.meta_test = "is"
        if not self.meta_name or self.meta_test in ("present", "absent"):
            self.meta_value = ""
        return self

    @property
    def filters(self) -> Filters:
        """What the store is asked for."""
        return Filters(
            text=self.text.strip(),
            state=self.state or None,
            origin=self.origin or None,
            reviewer=self.reviewer or None,
            adapter=self.adapter or None,
            sure_below=SURE if self.is_unsure else None,
            is_not_found=self.is_not_found,
            is_corrected=self.is_corrected,
            is_disputed=self.is_disputed,
            metadata=(Condition(self.meta_name, self.meta_test, self.meta_value),) if self.meta_name else (),
        )


def filters_as_json(filters: Filters) -> dict[str, Any]:
    """A saved filter as the page has it."""
    values = filters.to_json()
    values["is_unsure"] = values.pop("sure_below", None) is not None
    for one in values.pop("metadata", ())[:1]:  # the page asks for one thing only
        values |= {f"meta_{part}": said for part, said in one.items()}
    return Shown.model_validate(values).model_dump()


class Chosen(BaseModel):
    """Notes that something is to be done to: those that are ticked, or else all that the filter shows."""

    model_config = ConfigDict(extra="forbid")

    filters: Shown = Shown()
    ids: Annotated[list[Number], Field(max_length=MAX_TICKED)] | None = None
    upto: Number | None = None

    @property
    def many(self) -> Many:
        """What the store is asked for."""
        return Many(self.filters.filters, None if self.ids is None else tuple(self.ids), self.upto)


class Meant(Chosen):
    """The same, and what is to be done."""

    action: Action


class Turn(BaseModel):
    """One turn of a longer work, under a name that the page made up for the whole of it."""

    model_config = ConfigDict(extra="forbid")

    bulk: Annotated[str, Field(pattern=r"^[0-9a-z]{12,40}$")]
    after: Number = 0


class Acting(Meant, Turn):
    """The next notes of an action."""

    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARACTERS)] = ""


class Kept(BaseModel):
    """A filter to be saved."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=4 * MAX_NAME_CHARACTERS)]
    filters: Shown
    order: ChosenOrder = "imported"


class Unwanted(BaseModel):
    """A saved filter to be deleted."""

    model_config = ConfigDict(extra="forbid")

    id: Number


def routes(desk: Desk) -> APIRouter:
    """`POST /queue/plan`, `/queue/act`, `/queue/undo`, `/queue/filters` and `/queue/filters/drop`."""
    router = APIRouter(prefix="/queue")

    @router.post("/plan")
    def plan(meant: Meant, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: intend(desk, meant))

    @router.post("/act")
    def act(asked: Acting, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: act_on_many(desk, by, asked))

    @router.post("/undo")
    def undo(turn: Turn, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: take_back(desk, by, turn))

    @router.post("/filters")
    def keep_filters(filters: Kept, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: keep(desk, by, filters))

    @router.post("/filters/drop")
    def drop_filters(unwanted: Unwanted, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: drop(desk, by, unwanted))

    return router


def intend(desk: Desk, meant: Meant) -> dict[str, Any]:
    """How many notes an action would touch; nothing is written."""
    with desk.store.reading() as session:
        found = plan(session, meant.action, meant.many)
    return {"n_notes": found.n_notes, "n_touched": found.n_touched, "upto": found.upto}


def act_on_many(desk: Desk, reviewer: str, asked: Acting) -> dict[str, Any]:
    """Do an action to the next notes, in one transaction."""
    with acting(desk.store, reviewer, "work on many notes at once") as act:
        done = carry_out(
            act,
            desk.task,
            action=asked.action,
            many=asked.many,
            bulk=asked.bulk,
            comment=asked.comment,
            after=asked.after,
            current=lambda session, suggestion: apply_kept_curves(desk.settings, session, suggestion),
        )
    return {"n_done": done.n_done, "last": done.last}


def take_back(desk: Desk, reviewer: str, turn: Turn) -> dict[str, Any]:
    """Undo an action on the next notes, in one transaction."""
    with acting(desk.store, reviewer, "work on many notes at once") as act:
        done = undo(act, desk.task, bulk=turn.bulk, after=turn.after)
    return {"n_done": done.n_done, "n_left_alone": done.n_left_alone, "last": done.last}


def keep(desk: Desk, reviewer: str, kept: Kept) -> dict[str, Any]:
    """Save a filter under its name."""
    with acting(desk.store, reviewer, "review") as act:
        number = save_filter(act, name=kept.name, filters=kept.filters.filters, order=kept.order)
    return {"id": number}


def drop(desk: Desk, reviewer: str, unwanted: Unwanted) -> dict[str, Any]:
    """Delete a saved filter."""
    with acting(desk.store, reviewer, "review") as act:
        return {"dropped": drop_filter(act, filter_id=unwanted.id)}
