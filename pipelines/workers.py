"""Worker processes that no Ctrl-C reaches: whoever asked for them is stopped, and ends them."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 5.0
"""For a worker to remove what it has half written, once it is told to end."""


class Workers(ProcessPoolExecutor):
    """Spawned processes; they end at once where an exception, as that of Ctrl-C, leaves the ``with`` block.

    A terminal sends Ctrl-C to every process, and one that is just starting would answer with a traceback. So they are
    born with it blocked, and are told to end by the process that was stopped.

    Parameters
    ----------
    workers : int
        Processes.
    """

    def __init__(self, workers: int) -> None:
        # Spawned, not forked: a fork copies the locks that threads of other libraries hold.
        super().__init__(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_clean_up_when_told_to_end
        )
        # polars takes SIGINT so that waits go on after it: then Ctrl-C would be heard when the first worker is done.
        signal.siginterrupt(signal.SIGINT, True)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Ask for a call; a worker that starts for it inherits what is blocked here."""
        with _ctrl_c_waits():
            return super().submit(_or_end, fn, *args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Wait for the workers, or end them where an exception came."""
        if kind is not None:
            # Before they end: calls that wait would be failures else.
            self.shutdown(wait=False, cancel_futures=True)
            _end(multiprocessing.active_children())
        return super().__exit__(kind, error, trace)


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hold a Ctrl-C back until the block is done; unlike ignoring it, that loses none."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
        worker.kill()


def _clean_up_when_told_to_end() -> None:
    """Let SIGTERM raise in this worker, so that what stands half-written aside is removed."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the cleaning up
    raise SystemExit


def _or_end(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a call; where the worker is told to end, end it instead of taking the next one."""
    try:
        return call(*args, **kwargs)
    except SystemExit:
        os._exit(1)
