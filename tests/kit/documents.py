"""Documents of every kind that is read, made by the programs' own libraries or by hand."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import docx
import openpyxl


def workbook(*rows: Sequence[Any], title: str = "Notes") -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = title
    for row in rows:
        book.active.append(list(row))
    return saved(book)


def saved(thing: Any) -> bytes:
    """The bytes of what can save itself."""
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


def letter(text: str = "Tumour of the left breast, 3 cm.") -> bytes:
    """A Word document with a header, a table and a footer."""
    made = docx.Document()
    made.sections[0].header.paragraphs[0].text = "Clinic, ward 7"
    made.sections[0].footer.paragraphs[0].text = "Page 1"
    made.add_heading("Report", 1)
    made.add_paragraph(text)
    table = made.add_table(2, 2)
    for place, words in zip([(0, 0), (0, 1), (1, 0), (1, 1)], ["ER", "90 %", "PR", "negative"], strict=True):
        table.cell(*place).text = words
    made.add_paragraph("Yours sincerely")
    return saved(made)


def pdf(*pages: str, packed: bool = True, picture: bool = False, extra: Mapping[str, str] | None = None) -> bytes:
    """A PDF with a page for each text; with `picture`, one of an empty text is a picture."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    objects.append("<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8")
    objects[3] += " /Length 1 >>\nstream\n0\nendstream"
    kids = []
    for text in pages:
        said = "".join(f"({_escaped(line)}) Tj 0 -14 Td " for line in text.split("\n"))
        drawn = f"BT /F1 11 Tf 60 780 Td {said}ET" if text else "q 500 0 0 700 0 0 cm /Im1 Do Q" * picture
        raw = drawn.encode("latin-1")
        stream = zlib.compress(raw).decode("latin-1") if packed else drawn
        filters = " /Filter /FlateDecode" * packed
        objects.append(f"<< /Length {len(stream)}{filters} >>\nstream\n{stream}\nendstream")
        kids.append(len(objects) + 1)
        means = "<< /Font << /F1 3 0 R >> /XObject << /Im1 4 0 R >> >>" if picture else "<< /Font << /F1 3 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {means} /Contents {kids[-1] - 1} 0 R >>"
        )
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>"
    out, places = "%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = {"/Size": str(len(objects) + 1), "/Root": "1 0 R", **(extra or {})}
    told = " ".join(f"{key} {value}" for key, value in trailer.items())
    out += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< {told} >>\nstartxref\n{len(out)}\n%%EOF\n"
    )
    return out.encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def zipped(members: Mapping[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def unzipped(raw: bytes) -> dict[str, bytes]:
    """The members of a ZIP archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


RTF = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\f0\fs22 Tumour, gr\'f6\'dfer: \u8805 ?3 cm.\par "
RTF += rb"ER \b 90 %\b0\par}"
HTML = b"<!DOCTYPE html><html><head><title>T</title></head><body><h1>Report</h1>"
HTML += b"<p>Gr&ouml;&szlig;e &gt; 3 cm<br>ER 90 %</p></body></html>"
