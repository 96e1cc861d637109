"""The catalog's README names every key and every analysis of the study language, in the language's own words."""

from pathlib import Path

import pytest

from pipelines.studies.language import ANALYSES, StudyDefinition

README = Path(__file__).resolve().parents[2] / "catalog" / "studies" / "README.md"


@pytest.mark.parametrize("word", list(ANALYSES))
def test_every_analysis_is_explained(word: str) -> None:
    assert f"| `{word}` | {ANALYSES[word].words} |" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", list(StudyDefinition.model_fields))
def test_every_key_is_explained(key: str) -> None:
    assert f"`{key}`" in README.read_text(encoding="utf-8")
