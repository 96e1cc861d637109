"""STROBE, RECORD and TARGET tables, filled from a study's definition and from its run."""

from pipelines.studies.checklists.table import (
    CHECKLISTS,
    ChecklistLine,
    applicable,
    checklist_lines,
    checklist_text,
)

__all__ = ["CHECKLISTS", "ChecklistLine", "applicable", "checklist_lines", "checklist_text"]
