"""The handbook, README and docs together, as what a test can ask: its pages, code, commands, links and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    """One page of Markdown."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    @property
    def code(self) -> Iterator[str]:
        """Each line of a block of code, its comment left out, and each word set as code."""
        for block in _FENCE.findall(self.text):
            yield from (re.sub(r"\s+#.*", "", line).strip() for line in block.replace("\\\n", " ").splitlines())
        yield from _INLINE.findall(self.prose)

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_INLINE.sub("", self.prose))

    @cached_property
    def headings(self) -> list[str]:
        return re.findall(r"^#+ (.+)$", self.prose, flags=re.MULTILINE)

    @property
    def anchors(self) -> list[str]:
        return [anchor_of(heading) for heading in self.headings]

    def section(self, heading: str) -> str:
        """What is below a heading, up to the next of any rank."""
        parts = re.split(r"^#+ (.+)$", self.text, flags=re.MULTILINE)
        return parts[parts.index(heading) + 1]


def anchor_of(heading: str) -> str:
    """As both GitHub and the site make it of a heading of plain words."""
    return re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-")


README = Page(ROOT / "README.md")
DOCS = {path.name: Page(path) for path in sorted((ROOT / "docs").rglob("*.md"))}
PAGES = (README, *DOCS.values())


def commands() -> Iterator[tuple[Page, str]]:
    """Every command line of the handbook, with the page that has it."""
    for page in PAGES:
        for code in page.code:
            yield from ((page, part.strip()) for part in code.split("&&"))
