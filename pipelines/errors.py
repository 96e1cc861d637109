"""What a user is told when something is wrong: one paragraph, and the exit code that goes with it.

A message says what is wrong, where (file, record, field) and what to do. It never holds a patient value.
"""

from collections.abc import Callable, Mapping
from typing import Any

PLAIN_WORDS = {
    "extra_forbidden": "there is no such key",
    "missing": "is needed and is not there",
    "model_type": "should hold keys with values",
    "dict_type": "should hold keys with values",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "too_short": "should have at least one entry",
    "too_long": "should have no more than {max_length} entries",
    "string_type": "should be text",
    "string_too_short": "should not be empty",
    "string_pattern_mismatch": "should be {form}",
    "literal_error": "should be one of {choices}",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be {ge:g} or more",
    "less_than": "should be less than {lt:g}",
    "less_than_equal": "should be {le:g} or less",
}
"""What a mistake in a file is called to those who do not know pydantic; what it should be is filled in."""
FORMS = {
    r"^[a-z][a-z0-9_]*$": "of small letters, digits and underscores, a letter first",
    r"^cox_[a-z0-9_]+$": "'cox_' and then small letters, digits and underscores",
    r"^postgres(ql)?://": "an address such as postgresql://host/name",
    r"^(recorded|derived|withheld|not_released|not_collected_before_\d{4})$": (
        "one of recorded, derived, withheld, not_released, not_collected_before_<year>"
    ),
}
"""The patterns of the definitions in words."""


def in_plain_words(mistake: Mapping[str, Any]) -> str:
    """Say a mistake that pydantic found in words of the project, else in its own; never the value itself.

    Parameters
    ----------
    mistake : mapping
        One of ``ValidationError.errors()``.
    """
    words = PLAIN_WORDS.get(mistake["type"])
    if words is None:
        return str(mistake["msg"]).removeprefix("Value error, ")
    allowed = dict(mistake.get("ctx", {}))
    choices = str(allowed.get("expected", "")).replace("''", "nothing").replace("'", "").replace(" or ", ", ")
    pattern = str(allowed.get("pattern", ""))
    return words.format(**allowed, choices=choices, form=FORMS.get(pattern, f"of the form {pattern}"))


class CohortsError(Exception):
    """Base of every error that reaches a user as one paragraph instead of a traceback.

    Parameters
    ----------
    what : str
        What is wrong, as a sentence.
    where : str, optional
        File, record number, field, rule; never a patient value.
    remedy : str, optional
        What the user can do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(self._paragraph())

    def _paragraph(self) -> str:
        where = f"Where: {self.where.rstrip('.')}." if self.where else ""
        parts = [self.what.rstrip(".") + ".", where, self.remedy or ""]
        return " ".join(part for part in parts if part)

    def reword(self, words: Callable[[str], str], place: Callable[[str], str]) -> None:
        """Change the message before a user sees it, such as a path that only the program knows.

        Parameters
        ----------
        words, place : callable
            What becomes of ``what`` and ``remedy``, and of ``where``.
        """
        self.what, self.remedy = words(self.what), self.remedy and words(self.remedy)
        self.where = self.where and place(self.where)
        self.args = (self._paragraph(),)


class InputError(CohortsError):
    """The input or the call is wrong (exit code 2)."""

    exit_code = 2


class GateError(CohortsError):
    """A quality gate failed, or a submission without a pass was asked for (exit code 1)."""

    exit_code = 1


class RefusedError(CohortsError):
    """The source cannot answer the question (exit code 3).

    Parameters
    ----------
    reason_code : str
        Stable word for machines, such as ``period_not_covered`` or ``not_released``.
    about : str
        What the source has not, in a word or two: a variable, years.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        reason_code: str,
        about: str = "",
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.reason_code = reason_code
        self.about = about
        super().__init__(f"{what.rstrip('.')} ({reason_code})", where=where, remedy=remedy)

    @property
    def in_short(self) -> str:
        """The code, and what it is about."""
        return f"{self.reason_code}: {self.about}" if self.about else self.reason_code
