"""Narrative: the text of HTML, of FHIR's narratives and of CDA's sections, with its lines and its tables legible."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree.ElementTree import Element

from data.reading.documents.web import legible

_APART = frozenset(
    (
        "blockquote",
        "dl",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "list",
        "ol",
        "p",
        "paragraph",
        "pre",
        "section",
        "table",
        "ul",
    )
)
_BLOCKS = _APART.union(
    (
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "dd",
        "details",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
    ),
    ("footer", "footnote", "form", "header", "hr", "item", "li", "main", "nav", "summary", "tbody", "tfoot", "thead"),
    ("title", "tr"),
)
_ITEMS, _CELLS = frozenset(("li", "item")), frozenset(("td", "th"))
_UNSEEN = frozenset(("head", "script", "style", "template", "noscript"))
_EMPTY = frozenset(("br", "hr", "img", "meta", "link", "input", "col", "wbr", "rendermultimedia"))
_SPACES = re.compile(r"[ \t\r\n\f\v]+")


class Layout:
    """Text as it is put together from tags, in the names of HTML or CDA, and the words between them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._n_unseen = self._n_kept = 0
        self._is_apart = self._is_cell = False

    def start(self, tag: str) -> None:
        """Take a tag that begins."""
        if tag in _UNSEEN:
            self._n_unseen += 1
        elif tag == "br":
            self._break(always=True)
        elif tag in _BLOCKS:
            self._break()
            self._is_apart = self._is_apart or tag in _APART
            self._is_cell = False
        if tag == "pre":
            self._n_kept += 1
        elif tag in _ITEMS:
            self._line = ["- "]
        elif tag in _CELLS:
            if self._is_cell:
                self._line.append("| " if self._is_fresh else " | ")
            self._is_cell = True

    def end(self, tag: str) -> None:
        """Take a tag that ends."""
        if tag in _UNSEEN:
            self._n_unseen = max(0, self._n_unseen - 1)
        elif tag in _BLOCKS:
            self._break()
            self._is_apart = self._is_apart or tag in _APART
        if tag == "pre":
            self._n_kept = max(0, self._n_kept - 1)

    def words(self, said: str) -> None:
        """Take what stands between tags."""
        if self._n_unseen or not said:
            return
        if self._n_kept:
            first, *rest = said.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            self._line.append(first)
            for line in rest:
                self._break(always=True)
                self._line = [line]
            return
        said = _SPACES.sub(" ", said)
        if said := said.lstrip(" ") if self._is_fresh else said:
            self._line.append(said)

    def text(self) -> str:
        """All of it, without white space around."""
        self._break()
        return "\n".join(self._lines).strip()

    @property
    def _is_fresh(self) -> bool:
        """Whether a space would be one too many."""
        return not self._line or self._line[-1].endswith((" ", "\xa0"))

    def _break(self, *, always: bool = False) -> None:
        line = "".join(self._line).rstrip(" ")
        if line.strip(" -") or (line and self._n_kept):
            if self._is_apart and self._lines and self._lines[-1]:
                self._lines.append("")
            self._lines.append(line)
            self._is_apart = False
        elif always and self._lines:
            self._lines.append("")
        self._line = []


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.layout = Layout()

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.layout.start(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            self.layout.end(tag)

    def handle_data(self, data: str) -> None:
        self.layout.words(data)


def html_text(markup: str) -> str:
    """The text of HTML or XHTML; never fails, since HTML has no faults."""
    reader = _Html()
    reader.feed(legible(markup))
    reader.close()
    return reader.layout.text()


def element_text(element: Element) -> str:
    """The text of a narrative that is XML: CDA's `text`, XHTML's `div`."""
    layout = Layout()
    todo: list[tuple[Element, bool]] = [(element, True)]
    while todo:  # not by recursion: nothing bounds how deep it is nested
        current, is_start = todo.pop()
        tag = current.tag.rpartition("}")[2].lower() if isinstance(current.tag, str) else ""
        if is_start:
            layout.start(tag)
            if tag:  # a comment has words too, which are none of the text
                layout.words(current.text or "")
            todo.append((current, False))
            todo.extend((child, True) for child in reversed(current))
        else:
            if tag not in _EMPTY:
                layout.end(tag)
            if current is not element:
                layout.words(current.tail or "")
    return layout.text()
