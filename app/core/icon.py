"""The desk's icon, as SVG."""

from __future__ import annotations

from pathlib import Path

ICON = Path(__file__).with_name("icon.svg").read_text(encoding="utf-8")
