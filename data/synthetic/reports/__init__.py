"""Notes that read like real ones: published cases, clinic letters, consultations and pathology reports, with many empty fields."""

from data.synthetic.reports.compose import write_report

__all__ = ["write_report"]
