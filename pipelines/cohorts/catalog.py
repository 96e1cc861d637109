"""The cohorts that the catalog holds: loaded, listed, shown."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.cohorts.compile import compile_query
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import dump_yaml, load_model
from pipelines.errors import InputError


@dataclass(frozen=True)
class Listing:
    """One line of a catalog."""

    id: str
    title: str


def catalog_files(catalog_dir: Path, pattern: str) -> list[Path]:
    """Definition files of the catalog, in order.

    Raises
    ------
    InputError
        There is none: the folder is no catalog.
    """
    found = sorted(catalog_dir.glob(pattern))
    if not found:
        raise InputError(
            "This folder is no catalog: it has no definition",
            where=str(catalog_dir / pattern),
            remedy="Set COHORTS_CATALOG to a folder with cohorts, mappings and studies, or leave it out.",
        )
    return found


def load_cohort(name: str, catalog_dir: Path) -> CohortDefinition:
    """Read ``<catalog>/cohorts/<name>.yaml``.

    Raises
    ------
    InputError
        There is none (the message names those there are), or the definition has mistakes (all of them).
    """
    folder = catalog_dir / "cohorts"
    path = folder / f"{name}.yaml"
    names = [one.stem for one in catalog_files(catalog_dir, "cohorts/*.yaml")]
    if name not in names:
        raise InputError(
            f"There is no cohort '{name}'", where=str(folder), remedy=f"There are: {', '.join(names)}."
        )
    definition = load_model(path, CohortDefinition)
    if definition.name != name:
        raise InputError(f"The definition calls itself '{definition.name}'", where=str(path))
    return definition


def list_cohorts(catalog_dir: Path) -> list[Listing]:
    """Every cohort of the catalog, by name."""
    names = [path.stem for path in catalog_files(catalog_dir, "cohorts/*.yaml")]
    return [Listing(name, load_cohort(name, catalog_dir).title) for name in names]


def show_cohort(name: str, catalog_dir: Path) -> str:
    """The definition and the SQL it becomes, for a reader."""
    definition = load_cohort(name, catalog_dir)
    return f"{dump_yaml(definition)}\n{compile_query(definition)}"
