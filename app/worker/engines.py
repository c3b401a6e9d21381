"""Which engine suggests: the model of an adapter in this process, or a server that has it; and what it is taught."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.core.adapters import base_place, check_current, described_adapter, ensure_adapter, named_adapter, weights_place
from app.core.desk import open_desk
from app.core.errors import DeskError
from app.core.settings import Served, Settings, is_hub_id, load_settings
from app.worker.calibration import kept_curves
from data.evaluation.calibration import read_calibration
from data.prompt import PROMPT_VERSION
from data.task import Task
from data.vocabulary.house_words import NONE, read_house_words
from db.review.reviewed import count_labelled, draft_rows
from db.store.store import Session, Store
from db.training.adapters import AdapterRow, list_adapters
from trainer.engine.api import Suggester

N_DRAFTS = 4000
"""Records that an engine drafts from: the newest reviewed ones, then the originals."""
TEACH_S = 60.0


def load_engine(settings: Settings, adapter: AdapterRow, task: Task, previous: Suggester | None = None) -> Suggester:
    """Load the model of an adapter, which takes seconds and imports torch; or find the server that has it.

    Args:
        settings: where models are.
        adapter: which one.
        task: what is extracted.
        previous: the engine that served before, taken over where `can_switch`; any other is for the caller to let go,
            before this: two large models at once may not fit.

    Raises:
        DeskError: other files have taken the adapter's place.
        ModelError: base or adapter is missing, damaged, or not made for the other.
    """
    if settings.served is not None:
        return _served_engine(settings, settings.served, adapter, task)
    check_current(settings, adapter)
    from trainer.engine.local import Engine
    from trainer.model.loading import load_adapter, load_for_serving

    base, weights = base_place(settings, adapter), weights_place(settings, adapter)
    allow_hub = is_hub_id(str(base)) or is_hub_id(str(weights))
    if isinstance(previous, Engine) and can_switch(previous, settings, adapter):
        engine = previous.share_base(load_adapter(previous.loaded, weights, allow_hub=allow_hub))
        previous.release()
        return engine
    loaded = load_for_serving(base, weights, allow_hub=allow_hub)
    loaded.place = str(base)
    return Engine(loaded, task, weights=settings.weights)


def can_switch(engine: Suggester | None, settings: Settings, adapter: AdapterRow) -> bool:
    """Whether an engine has the adapter's base and takes others on it, so that only the adapter need be loaded."""
    if engine is None or settings.served is not None:
        return False
    from trainer.engine.local import Engine

    if not isinstance(engine, Engine):
        return False
    return engine.loaded.place == str(base_place(settings, adapter)) and engine.takes_others


def close(engine: Suggester | None) -> None:
    """Let an engine go."""
    if (let_go := getattr(engine, "close", None)) is not None:
        let_go()


def _served_engine(settings: Settings, served: Served, adapter: AdapterRow, task: Task) -> Suggester:
    from trainer.engine.remote.client import Server
    from trainer.engine.remote.engine import ServedEngine

    server = Server(
        base_url=served.base_url,
        model=served.model or adapter.name,
        api_key=os.environ.get("CASELOOP_API_KEY") or os.environ.get("OPENAI_API_KEY") or "",
        n_slots=served.n_slots,
        timeout_s=served.timeout_s,
        is_listed=not served.model,
        is_exact=bool(adapter.path),
    )
    weights = Path(weights_place(settings, adapter)) if adapter.path else None
    own = weights if weights is not None and weights.is_dir() else None
    return ServedEngine(
        task,
        server,
        adapter=adapter.name,
        prompt_version=adapter.prompt_version,
        calibration=read_calibration(own) if own else None,
        house_words=read_house_words(own) if own else NONE,
    )


def served_adapter(session: Session, settings: Settings) -> AdapterRow | None:
    """The adapter that a server was said to have; None where nothing was said, and then the active one counts.

    One that the desk does not know is only a name: what such a model suggests can be reviewed like anything else.
    """
    name = settings.served and (settings.served.adapter or settings.served.model)
    if not name:
        return None
    known = [row for row in list_adapters(session) if row.name == name]
    return known[0] if known else AdapterRow(name, "", "", None, PROMPT_VERSION, "")


def chosen_engine(task: Task, name: str | None = None) -> Suggester:
    """The engine for one answer: of the named adapter, or the active one's; without a store, the settings' own.

    Where a server has the model, its adapter's name stands for the active one's.

    Raises:
        DeskError: there is no such adapter.
        ModelError: the model cannot be loaded.
    """
    settings = load_settings()
    if not settings.database and not settings.store.exists():
        said = settings.served and (settings.served.adapter or settings.served.model)
        adapter = AdapterRow(said, "", "", None, PROMPT_VERSION, "") if said else described_adapter(settings)
        if name not in (None, adapter.name):
            raise DeskError(f"There is no adapter called {name!r}. The only one is {adapter.name}.")
        return with_kept_curves(settings, adapter, load_engine(settings, adapter, task))
    with open_desk() as desk:
        with desk.store.reading() as session:
            known = served_adapter(session, settings)
            if name is not None and (known is None or known.name != name):
                known = named_adapter(session, name)
        adapter = known or ensure_adapter(settings, desk.store)
    return with_kept_curves(settings, adapter, load_engine(settings, adapter, task))


def with_kept_curves(settings: Settings, adapter: AdapterRow, engine: Suggester) -> Suggester:
    """The engine, with the curves that this desk has fitted for its adapter, if it has any."""
    kept = kept_curves(settings, adapter)
    if kept is not None:
        engine.calibration = kept
    return engine


@dataclass
class Drafts:
    """Teaches an engine what was reviewed, so that its answers come faster; they stay the same.

    Attributes:
        store: where reviewed records are.
        task: whose fields they have.
    """

    store: Store
    task: Task
    _known: int = field(default=-1, init=False)
    _taught: float = field(default=float("-inf"), init=False)

    def teach(self, engine: Suggester | None, *, at_once: bool = False) -> None:
        """Give the engine the newest records, if there are new ones, every minute at most.

        Raises:
            StoreError: the store cannot be read.
        """
        learn = getattr(engine, "learn", None)
        if learn is None or not (at_once or time.monotonic() - self._taught >= TEACH_S):
            return
        self._taught = time.monotonic()
        with self.store.reading() as session:
            n_labelled = count_labelled(session)
            if at_once or n_labelled != self._known:
                rows = draft_rows(session, self.task, N_DRAFTS)
                self._known = n_labelled
                learn((row.text, row.extraction) for row in rows)
