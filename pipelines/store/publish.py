"""A refresh becomes the published submission by one rename, and only after its gate has passed."""

from pipelines.errors import InputError
from pipelines.store.files import replace
from pipelines.store.home import Home
from pipelines.store.submission import Submission


def check_may_load(home: Home, submission: str, *, replace_published: bool) -> None:
    """Refuse to load over a published submission unless the caller says so.

    Raises
    ------
    InputError
        The id is published and ``replace_published`` is false.
    """
    if submission in home.published_ids() and not replace_published:
        raise InputError(
            f"Submission '{submission}' is already published",
            where=str(home.submissions / submission),
            remedy="Choose another id, or load with `--replace`: the old one stays until the new one passes.",
        )


def publish(home: Home, submission: str) -> Submission:
    """Rename ``.building/<submission>`` into place once its quality gate has passed.

    Raises
    ------
    GateError
        The gate has not passed; what was published before stays as it was.
    """
    building = home.building(submission)
    building.require_pass()
    target = home.submissions / submission
    replace(building.root, target)
    return Submission(submission, target)
