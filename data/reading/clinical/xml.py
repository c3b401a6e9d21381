"""XML files: what their root is, and their elements one after another in bounded memory. Entities are refused."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from data.limits import MAX_RECORD_BYTES
from data.reading.records import Refusal, refused_file
from data.reading.sources import Source

MAX_ELEMENT_BYTES = 4 * MAX_RECORD_BYTES
_PROLOGUE = re.compile(
    r"\s*+(?:(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*+>)\s*+)*+<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)",
    re.DOTALL,
)
_ROOT_CHARACTERS = 4096


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    """An element is longer than the limit."""


class _Bounded:
    """A stream that stops where nothing was taken from it for too long."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n_read = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            _TooLong: too many were read since `rest`.
        """
        raw = self._stream.read(size)
        self._n_read += len(raw)
        if self._n_read > MAX_ELEMENT_BYTES:
            raise _TooLong
        return raw

    def rest(self) -> None:
        """Count from here."""
        self._n_read = 0


def root_of(head: bytes) -> str | None:
    """The name of the root, without its prefix, of a file that begins so; None where it is no XML."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    match = _PROLOGUE.match(text[:_ROOT_CHARACTERS])
    return match[1] if match else None


def local(element: Element) -> str:
    """The element's name without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def find(element: Element | None, *path: str) -> Element | None:
    """The first element below, name by name, whatever their namespaces; None where there is none."""
    for name in path:
        element = next((child for child in element if local(child) == name), None) if element is not None else None
    return element


def every(element: Element | None, name: str) -> list[Element]:
    """The children of that name."""
    return [child for child in element if local(child) == name] if element is not None else []


def read_elements(source: Source, is_whole: Callable[[tuple[str, ...]], bool]) -> Iterator[Element | Refusal]:
    """The elements that are wanted, one after another; what was read of the file is let go of behind each.

    Args:
        source: the file.
        is_whole: whether an element is wanted whose name and whose parents' names, from the root, are these.
    """
    with source.open("rb") as stream:
        bounded = _Bounded(stream)
        try:
            yield from _elements(iterparse(bounded, ("start", "end")), is_whole, bounded.rest)
        except ParseError as error:
            line, column = error.position
            advice = "get the whole file, or correct it there"
            yield Refusal(source.name, line, column + 1, "XML", "a fault in it", advice, is_file=True)
        except DefusedXmlException:
            advice = "save it without a DOCTYPE that has entities"
            yield refused_file(source.name, "XML without entities of its own", "some", advice)
        except _TooLong:
            expected = f"records of at most {MAX_ELEMENT_BYTES:,} bytes"
            yield refused_file(source.name, expected, "a longer one", "split it")
        except (LookupError, ValueError):  # UnicodeError is a ValueError
            found = "another, or bytes that are not in it"
            yield refused_file(source.name, "XML in the encoding that it names", found, "save it as UTF-8")


def _elements(events: Any, is_whole: Callable[[tuple[str, ...]], bool], rest: Callable[[], None]) -> Iterator[Element]:
    path: list[Element] = []
    names: list[str] = []
    kept = 0  # how deep the wanted element is that is being read, or 0
    for event, element in events:
        if event == "start":
            path.append(element)
            names.append(local(element))
            if not kept and is_whole(tuple(names)):
                kept = len(path)
            continue
        if len(path) == kept:
            yield element
            kept = 0
            rest()
        path.pop()
        names.pop()
        if not kept:
            element.clear()
            if path:
                path[-1].remove(element)
