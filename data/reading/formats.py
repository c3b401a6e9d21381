"""Formats: every kind of file that is read, and how each is told from the others.

What a file holds decides, whatever it is called. Its ending counts only where the content leaves it open, as with
plain text. The first format that recognises a file reads it, so narrow ones stand before wide ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from data.reading.annotators.brat import is_brat, is_brats, read_brat
from data.reading.annotators.labelstudio import is_labelstudio, read_labelstudio
from data.reading.annotators.lines import is_argilla, is_doccano, is_prodigy, read_argilla, read_doccano, read_prodigy
from data.reading.clinical.cda import is_cda, read_cda
from data.reading.clinical.fhir import is_fhir, is_fhir_xml, read_fhir, read_fhir_xml
from data.reading.clinical.hl7 import is_hl7, read_hl7
from data.reading.clinical.naaccr import is_naaccr, read_naaccr
from data.reading.documents.pdf import is_pdf, read_pdf
from data.reading.documents.plain import is_never_plain, read_plain
from data.reading.documents.rtf import is_rtf, read_rtf
from data.reading.documents.web import is_html, read_html
from data.reading.documents.word import is_docx, read_docx
from data.reading.foreign import FOREIGN, Foreign
from data.reading.json.files import is_json, read_json_file
from data.reading.records import Record, Refusal
from data.reading.sources import Encoding, Head, Options, Source
from data.reading.tables.arrow import is_arrow, read_arrow
from data.reading.tables.csv_dialect import is_table
from data.reading.tables.csv_records import read_csv
from data.reading.tables.parquet import is_parquet, read_parquet
from data.reading.tables.workbook import is_workbook, read_workbook


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: in code and options.
        title: in sentences, as in "read as JSON".
        endings: the usual ones, in lower case; a file with another is said to be read so.
        sniff: whether a head is surely of this format. For a binary format it gets no text.
        read: the records of a file, one at a time, in bounded memory. A `Record` has the note under "text" and its id
            under "id", if it has one; every other key is metadata. It never raises for what a file holds.
        is_binary: whether the file is no text, so that it has no encoding.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    sniff: Callable[[Head], bool]
    read: Callable[[Source, Encoding, Options], Iterator[Record | Refusal]]
    is_binary: bool = False


@dataclass(frozen=True)
class FolderFormat:
    """Files that are one thing together.

    Attributes:
        title: in sentences.
        sniff: whether a folder with files of these names is one.
        takes: whether a file of this name belongs to it, so that it is not read by itself.
        read: the records of the files, by name; None where those that belong to it hold no records.
    """

    title: str
    sniff: Callable[[frozenset[str]], bool]
    takes: Callable[[str], bool]
    read: Callable[[Mapping[str, Source], Options], Iterator[Record | Refusal]] | None = None


_OF_DATASETS = frozenset({"dataset_info.json", "dataset_dict.json", "state.json"})
_JSON = (".jsonl", ".ndjson", ".json")
FORMATS = (
    Format("parquet", "Parquet", (".parquet",), is_parquet, read_parquet, is_binary=True),
    Format("hl7", "HL7 v2 messages", (".hl7",), is_hl7, read_hl7, is_binary=True),
    Format("cda", "a clinical document (CDA)", (), is_cda, read_cda, is_binary=True),
    Format("naaccr", "NAACCR XML", (), is_naaccr, read_naaccr, is_binary=True),
    Format("fhir-xml", "FHIR resources in XML", (), is_fhir_xml, read_fhir_xml, is_binary=True),
    Format("arrow", "Arrow", (".arrow", ".feather"), is_arrow, read_arrow, is_binary=True),
    Format("workbook", "an Excel workbook", (".xlsx", ".xlsm"), is_workbook, read_workbook, is_binary=True),
    Format("docx", "a Word document", (".docx", ".docm"), is_docx, read_docx, is_binary=True),
    Format("pdf", "PDF", (".pdf",), is_pdf, read_pdf, is_binary=True),
    Format("rtf", "RTF", (".rtf",), is_rtf, read_rtf, is_binary=True),
    Format("html", "HTML", (".html", ".htm", ".xhtml"), is_html, read_html),
    Format("fhir", "FHIR resources", _JSON, is_fhir, read_fhir),
    Format("labelstudio", "tasks of Label Studio", _JSON, is_labelstudio, read_labelstudio),
    Format("prodigy", "records of Prodigy", _JSON, is_prodigy, read_prodigy),
    Format("argilla", "records of Argilla", _JSON, is_argilla, read_argilla),
    Format("doccano", "records of doccano", _JSON, is_doccano, read_doccano),
    Format("json", "JSON", _JSON, is_json, read_json_file),
    Format("table", "a table", (".csv", ".tsv"), is_table, read_csv),
    Format("text", "plain text", (".txt", ".text", ".md", ".markdown"), is_never_plain, read_plain),
)
FOLDERS = (
    FolderFormat("brat", is_brat, is_brats, read_brat),
    FolderFormat("Spark", lambda names: "_SUCCESS" in names, lambda name: name.startswith("_")),
    FolderFormat("datasets", lambda names: not names.isdisjoint(_OF_DATASETS), lambda name: name in _OF_DATASETS),
)
ENDINGS = (*dict.fromkeys(ending for form in FORMATS for ending in form.endings), ".gz", ".zip")


def format_of(head: Head, *, is_binary: bool) -> Format | Foreign | None:
    """The format of a file, or what else it is; None where neither its content nor its ending tells.

    Args:
        head: its beginning; with text where it is not binary.
        is_binary: whether to look among the binary formats, or among the others.
    """
    among = [form for form in FORMATS if form.is_binary == is_binary]
    for form in among:
        if form.sniff(head):
            return form
    for foreign in FOREIGN:
        if foreign.is_binary == is_binary and foreign.sniff(head):
            return foreign
    return next((form for form in reversed(among) if head.ending in form.endings), None)  # the widest


def folder_format_of(names: Collection[str]) -> FolderFormat | None:
    """What the files of a folder are together; None where each stands for itself."""
    found = frozenset(names)
    return next((form for form in FOLDERS if form.sniff(found)), None)
