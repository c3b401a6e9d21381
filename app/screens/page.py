"""The desk as one page: the top bar, six tabs, and what is filled in when a tab is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from app.core.desk import Desk
from app.core.templates import Pieces
from app.screens.export.export import build_export
from app.screens.markup import QUICK
from app.screens.progress.progress import build_progress
from app.screens.queue.queue import build_queue
from app.screens.review.note.frame import build_review
from app.screens.settings import build_settings
from app.screens.training.training import build_train
from app.screens.trouble import build_trouble, listen

TICK_S = 2.0

_HTML = Pieces("screens/page.html")

Screen = tuple[Callable[..., Any], list[Any], list[Any]]


def build_desk(desk: Desk) -> Any:
    """The whole page as Gradio blocks; nothing of the store is in it until it is asked for."""
    with gr.Blocks(title="caseloop", fill_width=True, analytics_enabled=False) as demo:
        gr.HTML(_HTML.brand(), elem_id="brand", js_on_load=None)
        gr.HTML(_HTML.top(), elem_id="top", js_on_load=None)
        timer = gr.Timer(TICK_S, active=False)
        with gr.Tabs(selected="review", elem_id="nav"):
            with gr.Tab("Queue", id="queue") as queue:
                queue_again = build_trouble("queue")
                queue_screen = build_queue(desk)
            with gr.Tab("Review", id="review") as review:
                build_review(desk)
            with gr.Tab("Train", id="train") as train:
                train_again = build_trouble("train")
                train_screen = build_train(desk, timer)
            with gr.Tab("Progress", id="progress") as progress:
                progress_again = build_trouble("progress")
                progress_screen = build_progress(desk)
            with gr.Tab("Export", id="export") as export:
                export_again = build_trouble("export")
                export_screen = build_export(desk)
            with gr.Tab("Settings", id="settings") as settings:
                settings_again = build_trouble("settings")
                settings_screen = build_settings(desk)
        _fill_on_opening(timer, [queue, queue_again], queue_screen, ticking=False, personal=True)
        _fill_on_opening(timer, [train, train_again], train_screen, ticking=True)
        _fill_on_opening(timer, [progress, progress_again], progress_screen, ticking=False, personal=True)
        _fill_on_opening(timer, [export, export_again], export_screen, ticking=False, personal=True)
        _fill_on_opening(timer, [settings, settings_again], settings_screen, ticking=False)
        review.select(lambda: gr.Timer(active=False), None, [timer], **QUICK)
    demo.app_id = _fingerprint(desk)
    # A page load is a session: few are kept, and files that Gradio made are removed within the hour.
    demo.state_session_capacity = 500
    demo.delete_cache = (3600, 3600)
    return demo


def _fingerprint(desk: Desk) -> int:
    """The same for the same screens: a page whose server was restarted goes on instead of being built anew."""
    digest = hashlib.sha256(gr.__version__.encode() + desk.task.model_dump_json().encode())
    for file in sorted(Path(__file__).parent.rglob("*.*")):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:6])


def _fill_on_opening(
    timer: gr.Timer, ways: list[Any], screen: Screen, *, ticking: bool, personal: bool = False
) -> None:
    """Fill a screen whenever its tab is opened; the timer runs only where it is needed.

    Args:
        ways: the tab, and the button that tries it again after a failure.
        personal: the screen differs from reviewer to reviewer, so its handler is told first who asks.
    """
    (tab, again), (fill, inputs, outputs) = ways, screen

    def fill_screen(request: gr.Request, *values: Any) -> list[Any]:
        asked = (request, *values) if personal else values
        return [gr.Timer(active=ticking), *fill(*asked)]

    for on in (tab.select, again.click):
        listen(on, fill_screen, (inputs, [timer, *outputs]), str(tab.id), is_filling=True, **QUICK)
