"""Export: what people decided, for training, spreadsheets, annotation tools and registries; see `formats`."""

from app.exporting.choice import FIRST_DAY, LAST_DAY, Choice, count_records, mention_samples, note_export, read_choice
from app.exporting.formats import FORMATS, GROUPS, KINDS, Format, format_of
from app.exporting.records import export_record
from app.exporting.tools.label_studio import label_config
from app.exporting.writing import (
    check_needs,
    check_place,
    config_path,
    export_lines,
    export_pieces,
    features_path,
    preview,
    write_export,
)

__all__ = [
    "FIRST_DAY",
    "FORMATS",
    "GROUPS",
    "KINDS",
    "LAST_DAY",
    "Choice",
    "Format",
    "check_needs",
    "check_place",
    "config_path",
    "count_records",
    "export_lines",
    "export_pieces",
    "export_record",
    "features_path",
    "format_of",
    "label_config",
    "mention_samples",
    "note_export",
    "preview",
    "read_choice",
    "write_export",
]
