"""Excel sheets, row by row: every cell is a text or a number, so no id loses its zeros and nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.core.errors import InputError
from app.exporting.choice import Choice
from app.exporting.records import Record
from app.exporting.text import list_cells, list_columns
from data.task import Task
from data.text.formulas import escape_cell

MAX_CELL_CHARACTERS = 32_767
MAX_ROWS = 1_048_576
_PIECE_BYTES = 1 << 20
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
"""What XML cannot hold, or would read otherwise: it is written as the format says, `_x000D_` for a carriage return."""


def write_sheet(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[bytes]:
    """A workbook with one sheet.

    Raises:
        InputError: there are more records, or longer texts, than a sheet holds.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    page = book.create_sheet("reviewed")
    page.freeze_panes = "A2"

    def line(cells: Iterable[Any]) -> list[Any]:
        written = []
        for value in cells:
            cell = WriteOnlyCell(page, value=None)
            if isinstance(value, str):
                cell._value, cell.data_type = _text(value), "s"
            elif isinstance(value, float):
                cell._value, cell.data_type = repr(value), "n"  # openpyxl would round it
            else:
                cell.value = value
            written.append(cell)
        return written

    page.append(line(list_columns(task, choice)))
    for number, record in enumerate(records, 2):
        if number > MAX_ROWS:
            raise InputError(f"Expected at most {MAX_ROWS - 1:,} records for a sheet; found more. Export as csv.")
        page.append(line(list_cells(task, choice, record)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reviewed.xlsx"
        book.save(path)
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece


def _text(value: str) -> str:
    """A text as a cell holds it; as in CSV with an apostrophe where a spreadsheet would see a formula once it is saved.

    Raises:
        InputError: it is too long.
    """
    safe = _UNSEEN.sub(lambda found: f"_x{ord(found.group()[0]):04X}_{found.group()[1:]}", escape_cell(value))
    if len(safe) > MAX_CELL_CHARACTERS:
        raise InputError(
            f"Expected at most {MAX_CELL_CHARACTERS:,} characters in a cell of a sheet; found {len(safe):,}. "
            "Export as csv or jsonl."
        )
    return safe
