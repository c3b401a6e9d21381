"""Web pages (.html): their text, with a line for each block; and Markdown, which is text as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser

from data.limits import MAX_RECORD_BYTES
from data.reading.documents.note import make_document
from data.reading.encodings import open_as_utf8
from data.reading.records import Record, Refusal, bad_character, decode, refused_file, refused_line
from data.reading.sources import Encoding, Head, Options, Source

_BEGIN = re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer"
    "|form|h[1-6]|header|hr|html|legend|li|main|nav|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_SILENT = frozenset({"script", "style", "title", "template", "noscript"})
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!\]\]>|<!\[CDATA\[).)*+)\]\]>", re.DOTALL)
_UNKNOWN = re.compile(r"<!\[(?!(?:cdata|temp|ignore|include|rcdata|if|else|endif)(?![-_.\w]))", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")


def is_html(head: Head) -> bool:
    """Whether it begins as a page."""
    return _BEGIN.match(head.start) is not None


def read_html(source: Source, encoding: Encoding, _: Options) -> Iterator[Record | Refusal]:
    """The one record of a page."""
    with open_as_utf8(source, encoding) as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        yield refused_line(source.name, 1, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        return
    text = decode(raw)
    if bad := bad_character(text):
        yield refused_line(source.name, 1, (None, bad[1]))
        return
    page = _Page()
    try:
        page.feed(legible(text))
        page.close()
    except AssertionError:  # the parser's own, of a declaration that it does not know
        yield refused_file(source.name, "a web page", "a fault in it", "save its text as .txt")
        return
    found = make_document(source, ["".join(page.said)])
    if not found:
        yield refused_file(source.name, "a page with text", "none", "check that it is the right one")
    yield from found


def legible(markup: str) -> str:
    """The same page without what the parser fails on, passes over or takes forever for.

    That are marked sections, of which the text is kept, and what begins and does not end: a text may end in "<5 mm",
    and the parser looks for each such end to the end of the page.
    """
    markup = _UNKNOWN.sub("&lt;![", _CDATA.sub(lambda found: escape(found.group(1)), markup))
    for begin, end, instead in (("<!--", "-->", " "), ("<![", "]", " "), ("<", ">", "&lt;")):
        last = markup.rfind(end) + len(end) if end in markup else 0
        markup = markup[:last] + markup[last:].replace(begin, instead)
    return markup


class _Page(HTMLParser):
    """Gathers the words of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._n_silent = self._n_as_is = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self._n_silent += tag in _SILENT
        self._n_as_is += tag == "pre"
        self._break(tag)
        if tag in ("td", "th") and self.said and not self.said[-1].endswith(("\n", "\t")):
            self.said.append("\t")

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._n_silent = max(0, self._n_silent - (tag in _SILENT))
        self._n_as_is = max(0, self._n_as_is - (tag == "pre"))
        if tag != "br":
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._n_silent:
            return
        words = data if self._n_as_is else _SPACE.sub(" ", data)
        if not self._n_as_is and (not self.said or self.said[-1].endswith(("\n", " ", "\t"))):
            words = words.lstrip(" ")
        if words:
            self.said.append(words)

    def _break(self, tag: str) -> None:
        if tag == "br" or (_BLOCKS.fullmatch(tag) and self.said and not self.said[-1].endswith("\n")):
            self.said.append("\n")
