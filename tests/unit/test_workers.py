"""Worker processes end with whoever asked for them, quietly, and leave nothing half-written."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.store.files import aside
from pipelines.workers import Workers

STOPPED_WHILE_THEY_START = """
import time
import polars  # which has a handler of its own
from pipelines.workers import Workers
try:
    with Workers(2) as pool:
        answers = pool.map(time.sleep, [60] * 9)
        print("asked", flush=True)
        next(answers)
except KeyboardInterrupt:
    print("stopped")
"""


def blocked() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, set()))


def write_slowly(target: Path) -> None:
    with aside(target) as temporary:
        temporary.write_text("half")
        time.sleep(60)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_ctrl_c_while_workers_start_is_heard_at_once_and_prints_nothing_of_theirs() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", STOPPED_WHILE_THEY_START],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "asked\n"
    time.sleep(0.1)  # until it waits
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to the workers too
    try:
        said, complained = program.communicate(timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
    assert (said, complained) == ("stopped\n", "")


def test_a_worker_does_not_hear_ctrl_c_and_whoever_asked_for_it_still_does() -> None:
    before = blocked()
    with Workers(1) as pool:
        assert signal.SIGINT in pool.submit(blocked).result()
    assert blocked() == before


def test_what_a_worker_has_half_written_is_gone_when_it_is_ended(tmp_path: Path) -> None:
    def stopped_at_half() -> None:
        with Workers(1) as pool:
            pool.submit(write_slowly, tmp_path / "table.csv")
            while not names_in(tmp_path):
                time.sleep(0.02)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_at_half()
    assert names_in(tmp_path) == []
    assert multiprocessing.active_children() == []
