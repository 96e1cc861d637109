"""What is not ours to raise, told as ours: a file system, a setting, a call that is wrong, a damaged store."""

import os
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import typer
from pydantic import ValidationError

from pipelines.errors import CohortsError, InputError, in_plain_words
from pipelines.stats.errors import StatsError

ENVIRONMENT = {
    "home": "COHORTS_HOME",
    "catalog_dir": "COHORTS_CATALOG",
    "min_cell": "COHORTS_MIN_CELL",
    "unpack_bytes": "COHORTS_UNPACK_BYTES",
}
HELP = "See `cohorts --help`, or `--help` after a command."


def as_told(error: BaseException) -> CohortsError | None:
    """Say in one paragraph what went wrong, where a user can do something about it.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    CohortsError or None
        None where it is a fault of the program, whose traceback a developer needs and which holds no data.
    """
    match error:
        case CohortsError():
            return error
        case typer.TyperException():
            return _call(error)
        case ValidationError():
            return _settings(error)
        case StatsError():
            return InputError(error.what, where=error.field, remedy=error.remedy)
        case OSError():
            return _file_system(error)
        case duckdb.Error() | pa.ArrowException() | pl.exceptions.PolarsError():
            return _tables(error)
    return None


def _tables(error: Exception) -> InputError | None:
    """A table library failed; its words may hold a patient's value, so a developer has to ask for them."""
    if os.environ.get("COHORTS_TRACEBACK"):
        return None
    return InputError(
        f"A table of the store could not be read or made ({type(error).__name__})",
        remedy="A file may be damaged or open elsewhere: load the extract again with `--replace`. If that does not "
        "help it is a fault of the program: COHORTS_TRACEBACK=1 shows where, and may show values of the data.",
    )


def _call(error: Any) -> InputError:
    words = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    return InputError(" ".join(words.split()), where=context.command_path if context else None, remedy=HELP)


def _settings(error: ValidationError) -> InputError:
    mistakes = [
        f"{ENVIRONMENT.get(str(item['loc'][0]), item['loc'][0]) if item['loc'] else error.title}: "
        f"{in_plain_words(item)}"
        for item in error.errors(include_input=False, include_url=False)
    ]
    return InputError(
        f"{len(mistakes)} setting(s) cannot be used: {'; '.join(mistakes)}",
        where="options and environment",
        remedy="Correct the option, or the COHORTS_ variable in the environment.",
    )


def _file_system(error: OSError) -> InputError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    where = error.filename2 or error.filename
    return InputError(
        f"A file or folder cannot be used: {reason}",
        where=str(where) if where is not None else None,
        remedy="Check the path, its permissions and the space left, or name another folder with --home.",
    )
