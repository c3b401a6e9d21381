"""How the desk looks: the theme that Gradio's own parts follow, and the colours of the task's fields."""

from __future__ import annotations

from typing import Any

import gradio as gr

from data.task import Task

# `desk.css` holds the palette, light and dark; Gradio's variables only point at it, so a colour has one home.
_VARIABLES = {
    "body_background_fill": "var(--page)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--ink-2)",
    "background_fill_primary": "var(--sheet)",
    "background_fill_secondary": "var(--page)",
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_border_color": "var(--line)",
    "block_info_text_color": "var(--ink-2)",
    "block_label_background_fill": "transparent",
    "block_label_text_color": "var(--ink-2)",
    "block_title_text_color": "var(--ink-2)",
    "block_shadow": "none",
    "border_color_accent": "var(--accent)",
    "border_color_primary": "var(--line)",
    "button_border_width": "1px",
    "button_cancel_background_fill": "var(--sheet)",
    "button_cancel_text_color": "var(--ink)",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "var(--accent-2)",
    "button_primary_border_color": "var(--accent)",
    "button_primary_text_color": "var(--on-accent)",
    "button_secondary_background_fill": "var(--sheet)",
    "button_secondary_background_fill_hover": "var(--hover)",
    "button_secondary_border_color": "var(--line-2)",
    "button_secondary_text_color": "var(--ink)",
    "checkbox_background_color": "var(--sheet)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--line-3)",
    "checkbox_border_color_selected": "var(--accent)",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_hover": "transparent",
    "checkbox_label_text_color": "var(--ink)",
    "color_accent": "var(--accent)",
    "color_accent_soft": "var(--accent-soft)",
    "error_background_fill": "var(--bad-soft)",
    "error_border_color": "var(--bad)",
    "error_text_color": "var(--bad)",
    "input_background_fill": "var(--field)",
    "input_background_fill_focus": "var(--sheet)",
    "input_border_color": "var(--line-3)",
    "input_border_color_focus": "var(--accent)",
    "input_border_width": "1px",
    "input_placeholder_color": "var(--ink-3)",
    "input_shadow_focus": "0 0 0 3px var(--accent-soft)",
    "link_text_color": "var(--accent)",
    "loader_color": "var(--accent)",
    "panel_background_fill": "transparent",
    "shadow_drop": "none",
}
_SIZES = {
    "block_padding": "0px",
    "block_radius": "8px",
    "button_large_radius": "6px",
    "button_small_radius": "6px",
    "button_large_text_size": "14px",
    "button_large_text_weight": "600",
    "button_small_text_size": "13px",
    "input_padding": "7px 10px",
    "input_radius": "6px",
    "input_text_size": "14px",
    "layout_gap": "12px",
    "form_gap_width": "0px",
}


def build_theme() -> Any:
    """The theme: system fonts only, so that nothing is fetched."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.zinc,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Ubuntu", "Cantarell", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
    known = dir(theme)
    dark = {f"{name}_dark": value for name, value in _VARIABLES.items() if f"{name}_dark" in known}
    return theme.set(**_VARIABLES, **dark, **_SIZES)


def field_colours(task: Task) -> str:
    """Style sheet with one variable per field, by position, and each field's swatch with its hotkey on it.

    The task's own checks make sure that a colour is a colour; a hotkey is written as a code point.
    """
    light = "".join(f"--field-{position}:{field.colour};" for position, field in enumerate(task.fields))
    dark = "".join(f"--field-{position}:{field.colour_dark};" for position, field in enumerate(task.fields))
    swatches = "".join(
        f"html body .gradio-container .field-{position} label > span::before"
        f'{{content:"\\{ord(field.hotkey):06x}";background:var(--field-{position})}}\n'
        for position, field in enumerate(task.fields)
    )
    return f":root{{{light}}}\n.dark{{{dark}}}\n{swatches}"
