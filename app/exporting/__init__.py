"""Export: what people decided, as JSON lines (also training input), JSON, CSV, Parquet, `datasets` or Label Studio."""

from app.exporting.choice import (
    ENDINGS,
    FIRST_DAY,
    FORMATS,
    LAST_DAY,
    MEDIA_TYPES,
    Choice,
    Format,
    count_records,
    format_of,
    mention_samples,
    note_export,
    read_choice,
)
from app.exporting.labelstudio import label_config
from app.exporting.records import export_record
from app.exporting.writing import check_place, config_path, export_lines, export_pieces, preview, write_export

__all__ = [
    "ENDINGS",
    "FIRST_DAY",
    "FORMATS",
    "LAST_DAY",
    "MEDIA_TYPES",
    "Choice",
    "Format",
    "check_place",
    "config_path",
    "count_records",
    "export_lines",
    "export_pieces",
    "export_record",
    "format_of",
    "label_config",
    "mention_samples",
    "note_export",
    "preview",
    "read_choice",
    "write_export",
]
