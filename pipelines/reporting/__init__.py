"""Pages of a submission, its studies and the site: static, offline, without a patient value."""

from pipelines.reporting.evidence import write_evidence_page
from pipelines.reporting.scoreboard import write_scoreboard
from pipelines.reporting.site import write_index
from pipelines.reporting.study_record import read_study
from pipelines.reporting.submission import write_report

__all__ = ["read_study", "write_evidence_page", "write_index", "write_report", "write_scoreboard"]
