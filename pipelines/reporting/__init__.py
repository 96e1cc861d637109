"""Pages of a submission, its studies and the site: static, offline, without a patient value."""

from pipelines.reporting.site import write_index
from pipelines.reporting.submission import write_report

__all__ = ["write_index", "write_report"]
