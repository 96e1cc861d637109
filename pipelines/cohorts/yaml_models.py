"""Reads a YAML file into a pydantic model and reports every mistake at once, with its line."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.codebook.yaml_lines import line_of
from pipelines.errors import InputError, in_plain_words

CORRECT_IT = "Correct the file; the other definitions of its folder show what it may hold."

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]


@dataclass(frozen=True)
class Document:
    """A YAML file that was read: what it holds, and where."""

    path: Path
    content: Any
    root: yaml.Node | None

    def as_model(self, model: type[Model]) -> Model:
        """The validated object.

        Raises
        ------
        InputError
            The file breaks the schema; the message lists every mistake with the line of its nearest key.
        """
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            mistakes = [
                (item["loc"], f"{named(item['loc'])}: {in_plain_words(item['type'], item['msg'])}")
                for item in own_mistakes(error)
            ]
        raise self.wrong(mistakes)

    def wrong(self, mistakes: list[tuple[Place, str]]) -> InputError:
        """One error for all mistakes, each with the line that its place stands on."""
        told = [f"line {line_of(self.root, place)}: {words}" for place, words in mistakes]
        return InputError(
            f"{len(told)} mistake(s) in the definition: {'; '.join(told)}",
            where=str(self.path),
            remedy=CORRECT_IT,
        )


def named(place: Place) -> str:
    """A place in a file as a reader would point at it."""
    return ".".join(str(part) for part in place) or "file"


def read_document(path: Path) -> Document:
    """Read one YAML file.

    Raises
    ------
    InputError
        The file is not there, or is not YAML.
    """
    if not path.is_file():
        raise InputError(f"There is no definition {path.stem}", where=str(path))
    try:
        text = path.read_text(encoding="utf-8")
        return Document(path, yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file is not YAML: {' '.join(str(error).split())}", where=str(path), remedy=CORRECT_IT
        ) from None


def load_model(path: Path, model: type[Model]) -> Model:
    """Read one YAML file into ``model``.

    Parameters
    ----------
    path : Path
        The file.
    model : type of BaseModel
        The schema it must follow.

    Returns
    -------
    BaseModel
        The validated object.

    Raises
    ------
    InputError
        The file is not there, is not YAML, or breaks the schema; the message lists every mistake
        with the line of its nearest key.
    """
    return read_document(path).as_model(model)


def own_mistakes(error: ValidationError) -> list[ErrorDetails]:
    """Leave out "too few items" where the items are there and are themselves the mistake."""
    found = error.errors(include_input=False, include_url=False)
    inside = {item["loc"][:depth] for item in found for depth in range(len(item["loc"]))}
    return [item for item in found if item["type"] != "too_short" or item["loc"] not in inside]


def dump_yaml(model: BaseModel) -> str:
    """Canonical YAML of a model: every setting written out, defaults too, in the order of the schema."""
    content = model.model_dump(mode="json")
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def settings_hash(*models: BaseModel) -> str:
    """First 16 hex digits of the SHA-256 of the models' canonical JSON: the identity of an analysis."""
    content = [model.model_dump(mode="json") for model in models]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
