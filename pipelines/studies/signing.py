"""A reviewer signs for the estimates that a gate hides, or the gate is switched off; both are told everywhere."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import InputError
from pipelines.store import sha256_of, write_text
from pipelines.store.withheld import hidden_keys, standing


def sign(folder: Path, name: str, reason: str) -> dict[str, Any]:
    """Show a study's hidden estimates on a signature: ``signature.json``, valid for these estimates alone.

    Parameters
    ----------
    folder : Path
        ``<submission>/studies/<study>``.
    name, reason : str
        Of the reviewer, printed wherever the estimates are.

    Returns
    -------
    dict
        What was written: name, reason, date, settings hash, sha256 of the estimates, the gate's verdict.

    Raises
    ------
    InputError
        The study has not run here, nothing is hidden, or name or reason are empty.
    """
    if not (folder / "run.json").is_file():
        raise InputError(
            f"Study '{folder.name}' has not run here",
            where=str(folder),
            remedy=f"`cohorts study run {folder.name}` comes first.",
        )
    if not name.strip() or not reason.strip():
        raise InputError("A signature needs a name and a reason", where="--name, --reason")
    run, now = json.loads((folder / "run.json").read_text(encoding="utf-8")), standing(folder)
    if now.status == "not_judged":
        raise InputError(
            f"Study '{folder.name}' ran before there was a gate", where=str(folder), remedy="Run it again."
        )
    if now.off or (now.signature is None and not hidden_keys(folder)):
        why = "its gate is off" if now.off else "its gate passed"
        raise InputError(
            f"There is nothing to sign in study '{folder.name}': {why}, and no estimate is hidden",
            where=str(folder),
        )
    said = {
        "name": " ".join(name.split()),
        "reason": " ".join(reason.split()),
        "date": datetime.now(UTC).date().isoformat(),
        "settings_hash": run["settings_hash"],
        "estimates_sha256": sha256_of(folder / "estimates.csv"),
        "gate_verdict": run["gate_verdict"],
    }
    write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", folder / "signature.json")
    return said


def switch_off(folder: Path) -> None:
    """Show a study whatever its gate says, and record it: it stays so until the study runs again."""
    path = folder / "run.json"
    run = json.loads(path.read_text(encoding="utf-8"))
    write_text(json.dumps(run | {"gate": "off"}, indent=2, ensure_ascii=False) + "\n", path)
