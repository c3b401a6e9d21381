"""Where a screen says that it could not be filled or that an action was not done; `trouble.js` writes the sentence."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.core.templates import Pieces
from app.screens.markup import call_script


def build_trouble(screen: str) -> gr.Button:
    """Lay out the place of the sentence at the top of a screen.

    Returns:
        The button, not seen, whose click is to fill the screen again.
    """
    gr.HTML(Pieces("screens/page.html").trouble(screen), elem_classes="trouble-place", js_on_load=None)
    return gr.Button(visible="hidden", elem_id=f"fill-{screen}")


def listen(
    on: Any, handler: Any, wires: tuple[Any, Any], screen: str, what: str = "", *, is_filling: bool = False, **how: Any
) -> None:
    """Listen to an event of a screen; where the server fails or does not answer, the screen says so.

    Args:
        on: a Gradio listener, as `button.click`.
        handler: what the server does.
        wires: the handler's inputs and outputs.
        screen: the screen's name.
        what: begins the sentence, without a stop; empty where the screen is what could not be filled.
        is_filling: the handler fills the whole screen.
        how: settings of the listener.
    """
    said = screen, what
    # Before the handler: Gradio begins with a listener when it has done with the one before.
    on(None, js=call_script("trouble.js", "wait", *said))
    event = on(handler, *wires, **how)
    event.failure(None, js=call_script("trouble.js", "showFailure", *said))
    event.success(None, js=call_script("trouble.js", "showAnswer", *said, is_filling))
