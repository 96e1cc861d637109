"""Published estimates pooled: the tables of the catalog's evidence, the pools, and what is written of them."""

from pipelines.studies.evidence.protocol import show_evidence
from pipelines.studies.evidence.run import run_evidence
from pipelines.studies.evidence.tables import EvidenceRow, Review, load_reviews, load_rows

__all__ = ["EvidenceRow", "Review", "load_reviews", "load_rows", "run_evidence", "show_evidence"]
