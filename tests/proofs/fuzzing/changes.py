"""Changes of files: of bits and bytes, of the pieces that formats are made of, and what is made to do harm."""

from __future__ import annotations

import gzip
import random
import zipfile
import zlib

from tests.kit.documents import pdf, unzipped, zipped

_PIECES = (
    *"{}[],:\"\\\n\r\t\0'=+-@é🧬\ufeff\u2028\x85\ud83d;|<>&()",
    *("\r\n", "\n\n", '""', '","', "'=", "text,", "[[[[[[", '{"a":' * 20, "x" * 300, "<|eot_id|>", "PAR1", "sep=;\n"),
    *("\\u0000", "\\ud83d", "\\udc00", "\\ud83e\\uddec"),
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "1E-400", "9" * 301, "1." + "0" * 400, "null", "true"),
    *('"text":', '"input":"x"', '"output":{}', '"id":', '"columns":', '"data":[[', '"0":'),
    *("<![CDATA[", "<!--", "-->", "<!DOCTYPE x [", "&#0;", "&#xD800;", "<script>", "<td>", "</p>", "<?xml"),
    *("\\u-1 ?", "\\'", "\\bin9999999 ", "{\\*", "\\par", "\\u99999999 ", "\\uc9999 "),
    *(
        "MSH|^~\\&|",
        "\rOBX|1|TX|||",
        "\rPID|",
        "\rOBR|1||",
        "\\.br\\",
        "\\XC3\\",
        "\x0b",
        "\x1c\r",
        '"resourceType":"',
        '"data":{',
    ),
    *(
        "</text>",
        "<Patient>",
        "<section>",
        "</component>",
        'representation="B64"',
        '"result":[',
        '"spans":[',
        '"entry":[',
    ),
    *("obj", "endobj", "stream\n", "/Length 999999999", "0 R", "<<", ">>", "/Kids [2 0 R]", "/Filter /LZWDecode", "Tj"),
)
PIECES = [piece.encode("utf-8", "surrogatepass") for piece in _PIECES]
PIECES += [b"\xff\xfe", b"\xc3", b"\xf4\x90\x80\x80", b"\x80", b"\xed\xa0\x80", b"\xff" * 9, b"\x7f\xff\xff\xff"]
PIECES += [b"PK\3\4", b"PK\1\2", b"PK\5\6", b"\x1f\x8b"]
_PACKED = ("xlsx", "docx", "zip")
_PLACED = ("parquet", "arrow")
"""Formats in which nothing may move."""


def changed(rng: random.Random, raw: bytes, other: bytes, form: str) -> bytes:
    """A file with one to eight changes, or one that is made to do harm."""
    if rng.random() < 0.01 and (harm := harmful(rng, form, raw)):
        return harm
    if form in _PACKED and rng.random() < 0.7:
        members, others = unzipped(raw), unzipped(other)
        name = rng.choice(list(members))
        members[name] = mutated(rng, members[name], others.get(name, raw), form)
        return zipped(members, zipfile.ZIP_STORED)
    if form == "gz" and rng.random() < 0.7:
        return gzip.compress(mutated(rng, gzip.decompress(raw), gzip.decompress(other), form), 1)
    return mutated(rng, raw, other, form)


def mutated(rng: random.Random, raw: bytes, other: bytes, form: str) -> bytes:
    """The file with one to eight changes."""
    data = bytearray(raw)
    for _ in range(1 if form in _PLACED and rng.random() < 0.7 else rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        size = len(data)
        at = rng.randrange(size + 1)
        length = rng.choice((1, 1, 2, 3, 8, 40))
        kind = rng.randrange(9)
        if form in _PLACED:  # mostly in its place, and often in the footer
            kind = rng.randrange(2) if rng.random() < 0.8 else kind
            at = max(0, size - 1 - rng.randrange(900)) if rng.random() < 0.4 else at
        if kind == 0 and at < size:
            data[at] ^= rng.choice((1 << rng.randrange(8), 0x80))
        elif kind == 1 and at < size:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + length] = other[at : at + length]
        elif kind == 5 and rng.random() < 0.05:
            data[at:at] = data[at : at + length] * rng.choice((10, 500, 3000))
        elif kind == 6 and rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + rng.choice((0, 0, length))] = rng.choice(PIECES)
    return bytes(data)


def harmful(rng: random.Random, form: str, raw: bytes) -> bytes | None:
    """A file that is made to fill the memory or never to end; None for formats that know none here."""
    if form in ("xlsx", "docx"):
        members = unzipped(raw)
        name = rng.choice([name for name in members if name.endswith(".xml")])
        members[name] = rng.choice([_entities(), b"<a>" * 200_000, b"<a>" + b"\0" * 30_000_000, members[name] * 50])
        return zipped(members)
    if form == "zip":
        return zipped(rng.choice([{"a": b"\0" * 30_000_000}, {"a.zip": raw}, {f"{n}.txt": "x" for n in range(3000)}]))
    if form == "gz":
        return gzip.compress(rng.choice([b"\0" * 30_000_000, b'{"text":"x"}\n' * 30_000]), 1)
    if form == "pdf":
        return rng.choice(_pdfs())
    if form in _REPEATED:
        begin, pieces, end = _REPEATED[form]
        return begin + rng.choice(pieces) * rng.choice((1000, 100_000)) + end
    return None


_REPEATED = {
    "rtf": (b"{\\rtf1", (b"{", b"\\u8805 ?", b"\\par", b"\\'e4", b"{\\*\\x "), b"}"),
    "html": (b"<html>", (b"<div>", b"<!--", b"<a ", b"&", b"<![", b"</", b"<pre>x"), b""),
    "json": (b'{"a":', (b"[", b'{"a":', b'{"a":[{},{}],"b":', b'"\\', b"1"), b"}"),
    "jsonl": (b'{"text":"x"}\n{"a":', (b"[", b'{"a":', b'"\\'), b"}\n"),
    "csv": (b"id,text\n", (b'"', b",", b'"x",', b"\r", b"\0"), b"\n"),
}


def _pdfs() -> list[bytes]:
    bomb = zlib.compress(zlib.compress(b"(x) Tj " * 20_000_000, 9), 9).decode("latin-1")
    nested, page = "[" * 50_000, pdf("x")
    begin = f"<< /Length {len(bomb)} /Filter [/FlateDecode /FlateDecode] >>"
    return [
        pdf(f"x{nested}", packed=False),
        pdf("x", extra={"/Info": nested}),
        page.replace(b"/Kids [6 0 R]", b"/Kids [2 0 R]"),
        page.replace(b"/Filter /FlateDecode", b"/Filter [/FlateDecode /FlateDecode]"),
        _with_content(page, f"{begin}\nstream\n{bomb}\nendstream".encode("latin-1")),
    ]


def _with_content(raw: bytes, content: bytes) -> bytes:
    """A PDF with another content of its page; where the parts stand is not told right, which readers mend."""
    begin = raw.index(b"5 0 obj\n") + len(b"5 0 obj\n")
    return raw[:begin] + content + raw[raw.index(b"\nendobj", begin) :]


def _entities() -> bytes:
    """A billion laughs."""
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{lines}]><x>&e9;</x>'.encode()
