"""Reads a YAML file into a pydantic model and reports every mistake at once, with its line."""

import copy
import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.codebook.yaml_lines import line_of, repeated_keys
from pipelines.errors import InputError, in_plain_words

CORRECT_IT = "Correct the file; the other definitions of its folder show what it may hold."

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]


class Mistakes(ValueError):
    """What is wrong across the keys of a definition, each with the place of the key that is nearest to it."""

    def __init__(self, found: list[tuple[Place, str]]) -> None:
        self.found = found
        super().__init__("; ".join(words for _, words in found))


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
            raise self.wrong([*placed(error), *across_keys(self.content, model, error)]) from None

    def wrong(self, mistakes: list[tuple[Place, str]], remedy: str = CORRECT_IT) -> InputError:
        """One error for all mistakes, each with the line that its place stands on."""
        told = [f"line {line_of(self.root, place)}: {words}" for place, words in mistakes]
        return InputError(
            f"{len(told)} mistake(s) in the definition: {'; '.join(told)}",
            where=str(self.path),
            remedy=remedy,
        )


def named(place: Place) -> str:
    """A place in a file as a reader would point at it."""
    return ".".join(str(part) for part in place) or "file"


def read_document(path: Path) -> Document:
    """Read one YAML file.

    Raises
    ------
    InputError
        The file is not there, is not YAML, or says a key twice in one place.
    """
    if not path.is_file():
        raise InputError(f"There is no definition {path.stem}", where=str(path))
    try:
        text = path.read_text(encoding="utf-8")
        document = Document(path, yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"The file is not YAML: {' '.join(str(error).split())}", where=str(path), remedy=CORRECT_IT
        ) from None
    if twice := list(repeated_keys(document.root)):
        raise InputError(
            f"The definition says something twice: {'; '.join(twice)}",
            where=str(path),
            remedy="Keep one of the two: YAML would take the last and not say so.",
        )
    return document


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


def placed(error: ValidationError) -> list[tuple[Place, str]]:
    """Every mistake with its place; those across keys one by one."""
    found: list[tuple[Place, str]] = []
    for item in own_mistakes(error):
        inside = item.get("ctx", {}).get("error")
        if isinstance(inside, Mistakes):
            found += [((*item["loc"], *place), words) for place, words in inside.found]
        else:
            found.append((item["loc"], f"{named(item['loc'])}: {in_plain_words(item)}"))
    return found


def across_keys(content: Any, model: type[Model], wrong: ValidationError) -> list[tuple[Place, str]]:
    """Mistakes across keys, which pydantic looks for once every key is right: without the wrong ones.

    A wrong word is put right where the words are known. Any other wrong key with a plain value is left out; else the
    entry with a name that it is in. What then names such an entry is not told, for it may be right. Nothing is looked
    for where neither can be left out, or the rest would be wrong without it.
    """
    rest = copy.deepcopy(content)
    entries: set[Place] = set()
    for item in own_mistakes(wrong):
        inside = item.get("ctx", {}).get("error")
        if isinstance(inside, Mistakes):
            return []  # every key is right by itself, and these were looked for
        if not put_right(rest, item) and not left_out(rest, item["loc"]):
            entry = entry_of(content, item["loc"])
            if not entry:
                return []
            entries.add(entry)
    names = {entry: item_at(content, entry)["name"] for entry in entries}
    for entry in sorted(entries, key=lambda one: (len(one), one[-1]), reverse=True):
        del item_at(rest, entry[:-1])[entry[-1]]
    try:
        model.model_validate(rest)
    except ValidationError as error:
        whole = any(isinstance(item.get("ctx", {}).get("error"), Mistakes) for item in error.errors())
        told = [(as_in_file(place, entries), words) for place, words in (placed(error) if whole else [])]
        return [
            one for one in told if not any(re.search(rf"\b{re.escape(n)}\b", one[1]) for n in names.values())
        ]
    return []


def item_at(content: Any, place: Place) -> Any:
    """What stands at a place; None where nothing does."""
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def entry_of(content: Any, place: Place) -> Place:
    """The nearest entry of a list, with a name, that a place is in; empty where it is in none."""
    for end in range(len(place), 0, -1):
        item = item_at(content, place[:end])
        if isinstance(place[end - 1], int) and isinstance(item, dict) and isinstance(item.get("name"), str):
            return place[:end]
    return ()


def as_in_file(place: Place, left_out_entries: set[Place]) -> Place:
    """A place in a definition without some entries as the place in the whole one."""
    whole: Place = ()
    for part in place:
        if isinstance(part, int):
            for at in sorted(entry[-1] for entry in left_out_entries if entry[:-1] == whole):
                part += int(at) <= part
        whole = (*whole, part)
    return whole


def put_right(content: Any, mistake: ErrorDetails) -> bool:
    """Put the nearest of the words that a key may have in place of a wrong one; false where they are not known."""
    place, value = mistake["loc"], item_at(content, mistake["loc"])
    words = re.findall("'([^']*)'", mistake.get("ctx", {}).get("expected", ""))
    if mistake["type"] == "string_pattern_mismatch" and len(place) == 1:
        words = ["any_name"]  # of the whole definition; the name of an entry is what other keys call it by
    if not words or value is None:
        return False
    item_at(content, place[:-1])[place[-1]] = difflib.get_close_matches(str(value), words, n=1, cutoff=0)[0]
    return True


def left_out(content: Any, place: Place) -> bool:
    """Take a key with a plain value out of a definition; false where the place is none."""
    inside = item_at(content, place[:-1])
    if not place or not isinstance(inside, dict) or isinstance(inside.get(place[-1]), dict | list):
        return False
    return inside.pop(place[-1], inside) is not inside
