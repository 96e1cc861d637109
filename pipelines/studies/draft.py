"""A new study to fill in: a definition whose comments say what each key means, targets without rows, notes."""

import math
import re
import textwrap
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pipelines.cohorts import list_cohorts, load_cohort
from pipelines.errors import InputError
from pipelines.studies.catalog import load_as
from pipelines.studies.compare import Target
from pipelines.studies.language import ANALYSES, Covariate, Models, Outcome, StudyDefinition
from pipelines.studies.language.base import Identifier

WIDTH = 110
WIDEST = "stage_iv_female_breast"
HEAD = """
What this study is, as settings. `cohorts study show {id}` prints it as a protocol, `cohorts study run {id}
--submission ID` runs it. Keys may be left out where the comment calls them optional or a value is given here that you
did not choose: it is the default. SQL is DuckDB's, over the columns of pipelines/registry/columns.csv. An editor takes
the JSON schema of `pipelines.studies.StudyDefinition.model_json_schema()`."""
NOTES = """\
# {id}

**What the paper did.** Source, years, people, arms, methods, the headline number.

**What it does not say.** Each choice that is ours, and the default taken.

**Traps.**
- What a reader of the numbers has to know: immortal time, stage migration, what the source does not record.
"""


def init_study(
    name: str,
    catalog_dir: Path,
    *,
    like: str | None = None,
    cohort: str | None = None,
    out: Path | None = None,
) -> Path:
    """Write ``study.yaml``, ``published.csv`` and ``notes.md`` of a new study.

    Parameters
    ----------
    name : str
        Its id.
    catalog_dir : Path
        The catalog, for cohorts and studies to start from.
    like : str, optional
        A study of the catalog whose settings are taken over; else a small one with an adjusted Cox model.
    cohort : str, optional
        A cohort of the catalog; else that of ``like``, or the widest one of stage IV.
    out : Path, optional
        Folder that gets the new one; else the studies of the catalog.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    InputError
        The id is none or is taken, there is no such cohort or study, or the folder cannot be written.
    """
    require_identifier(name)
    folder = (out or catalog_dir / "studies") / name
    if folder.exists():
        raise InputError(
            "There is a study of this id, and nothing is written over",
            where=str(folder),
            remedy="Take another id, or another folder with --out.",
        )
    study = copied(name, like, catalog_dir) if like else blank(name, usual_cohort(catalog_dir))
    if cohort is not None:
        study = study.model_copy(update={"cohort": cohort})
    load_cohort(study.cohort, catalog_dir)
    files = {
        "study.yaml": commented(study),
        "published.csv": ",".join(Target.model_fields) + "\n",
        "notes.md": NOTES.format(id=name),
    }
    try:
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The study cannot be written ({type(error).__name__})",
            where=str(folder),
            remedy="Name a folder of your own with --out, or set COHORTS_CATALOG to a catalog of your own.",
        ) from None
    return folder


def usual_cohort(catalog_dir: Path) -> str:
    """The widest cohort of stage IV, or the first of a catalog that does not have it."""
    names = [one.id for one in list_cohorts(catalog_dir)]
    return WIDEST if WIDEST in names else names[0]


def require_identifier(name: str) -> None:
    """Refuse an id that a definition could not have.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        TypeAdapter(Identifier).validate_python(name)
    except ValidationError:
        raise InputError(
            f"'{name}' is no id of a study",
            remedy="Start with a small letter, then small letters, digits and underscores: mudgway2020.",
        ) from None


def copied(name: str, like: str, catalog_dir: Path) -> StudyDefinition:
    """The settings of another study under a new id."""
    other = load_as(like, catalog_dir, StudyDefinition)
    return other.model_copy(update={"id": name, "title": f"{other.title}, after {like}"})


def blank(name: str, cohort: str) -> StudyDefinition:
    """A small study that runs: survival by arm, crude and adjusted for age."""
    age = Covariate(
        name="age_group",
        words="Age at diagnosis",
        column="age_group",
        reference="50-59",
        levels=("50-59", "under_40", "40-49", "60-69", "70-79", "80+"),
        strong=True,
    )
    return StudyDefinition(
        id=name,
        title="A title",
        question="Do these people live longer with the exposure than without?",
        tier=3,
        sources=("ncdb", "seer", "naaccr", "mapped"),
        cohort=cohort,
        exposure="exposure",
        outcome=Outcome(kind="overall", words="Death of any cause, months from diagnosis"),
        covariates=(age,),
        models=Models(cox=("age_group",)),
        analyses=("table_one", "km", "cox_unadjusted", "cox_adjusted"),
        primary="cox_adjusted",
    )


def commented(study: StudyDefinition) -> str:
    """YAML of a study with a comment for every key, from the docstrings of the language."""
    lines = [*comment([" ".join(HEAD.format(id=study.id).split())], ""), ""]
    told: set[type[BaseModel]] = set()
    words = words_of(StudyDefinition)
    for key, field in StudyDefinition.model_fields.items():
        lines += explained(key, field, words, "")
        value = getattr(study, key)
        lines += analyses_lines(study.analyses) if key == "analyses" else entry(key, value, field, told, "")
        lines.append("")
    return "\n".join(lines)


def analyses_lines(asked: tuple[str, ...]) -> list[str]:
    """The analyses asked for, each in words, then those there are besides."""
    rest = [word for word in ANALYSES if word not in asked]
    return [
        "analyses:",
        *(f"  - {word}  # {ANALYSES[word].words}" for word in asked),
        *(f"  # - {word}  # {ANALYSES[word].words}" for word in rest),
    ]


def entry(key: str, value: Any, field: FieldInfo, told: set[type[BaseModel]], indent: str) -> list[str]:
    """A key with its value; the keys inside are explained once for each kind of block."""
    inner = indent + "  "
    if isinstance(value, BaseModel):
        return [f"{indent}{key}:", *block(value, told, inner)]
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        lines = [f"{indent}{key}:"]
        for one in value:
            lines += unseen(type(one), told, inner)
            first, *rest = block(one, told, inner + "  ", defaults=False)
            lines += [f"{inner}- {first.lstrip()}", *rest]
        return lines
    lines = [f"{indent}{key}: {written(value)}"]
    kinds = [] if value else list(models_in(field.annotation))
    return lines + [line for kind in kinds for line in unseen(kind, told, inner)]


def written(value: Any) -> str:
    """A plain value, a list or a mapping in one line of YAML."""
    plain = TypeAdapter(type(value)).dump_python(value, mode="json")
    text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False, width=math.inf, default_flow_style=True)
    return text.removesuffix("...\n").strip()


def block(value: BaseModel, told: set[type[BaseModel]], indent: str, *, defaults: bool = True) -> list[str]:
    """The keys of a block, each explained unless its kind was explained before; with or without its defaults."""
    kind = type(value)
    new = kind not in told
    told.add(kind)
    words = words_of(kind)
    lines: list[str] = []
    for key, field in kind.model_fields.items():
        if defaults or getattr(value, key) != field.default:
            lines += explained(key, field, words, indent) if new else []
            lines += entry(key, getattr(value, key), field, told, indent)
    return lines


def unseen(kind: type[BaseModel], told: set[type[BaseModel]], indent: str) -> list[str]:
    """The keys that a block may have, as comments, unless they were explained before."""
    if kind in told:
        return []
    told.add(kind)
    words = words_of(kind)
    keys = [
        f"{key}: {about(field, words.get(key, ''))}".rstrip(": ") for key, field in kind.model_fields.items()
    ]
    return comment(keys, indent)


def explained(key: str, field: FieldInfo, words: dict[str, str], indent: str) -> list[str]:
    """What a key means, as comment lines."""
    text = about(field, words.get(key, ""))
    return comment([text], indent) if text else []


def about(field: FieldInfo, words: str) -> str:
    """What a key means, which values it may have, and what it is where it is left out."""
    choices = [one for one in choices_of(field.annotation) if isinstance(one, str) and one]
    parts = [words, f"One of {', '.join(choices)}." if choices else ""]
    if not field.is_required() and isinstance(field.default, str | int | float) and field.default != "":
        parts.append(
            f"Default {str(field.default).lower() if isinstance(field.default, bool) else field.default}."
        )
    return " ".join(part for part in parts if part)


def choices_of(annotation: Any) -> Iterator[Any]:
    """Values of the literals in a type."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from choices_of(part)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Blocks that a type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def comment(lines: list[str], indent: str) -> list[str]:
    """Text as comment lines of the page's width."""
    return [
        f"{indent}# {wrapped}" for line in lines for wrapped in textwrap.wrap(line, WIDTH - 2 - len(indent))
    ]


def words_of(kind: type[BaseModel]) -> dict[str, str]:
    """What the ``Attributes`` of a block's docstring, and of those it builds on, say of each key."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        section = cleandoc(one.__doc__ or "").partition("Attributes\n----------\n")[2]
        names: list[str] = []
        for line in section.splitlines():
            if line and not line.startswith(" "):
                names = re.split(r",\s*", line.partition(" : ")[0])
                found |= dict.fromkeys(names, "")
            elif line:
                found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found
