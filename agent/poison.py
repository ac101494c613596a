"""Jobs that take the process down: known by a mark on disk that only a process which lives can have removed."""

import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from agent.change import Change
from agent.errors import PoisonJob
from agent.load_errors import ConfigurationError
from agent.telemetry.logs import get_logger

_MOST_DEATHS = 2
_FORGET_AFTER_S = 24 * 3600.0


class Poison:
    """Refuses a job whose process has died twice.

    A job has a mark while it runs: a file with a byte for each process that began it, locked by the one that works on
    it. The lock goes with the process, however that ends, so a mark without one is a death. A job that has
    one death runs alone from then on, so that those beside it are not suspected with it.

    Args:
        folder: for the marks, on a disk that the next worker sees as well; None keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held = set[str]()
        # Of those that have begun, in which this process has left its byte.
        self._marks = set[BinaryIO]()
        self._ends = False
        self._company = _Company()

    def open(self) -> None:
        """Make the folder where it is missing, and forget what is old.

        Raises:
            ConfigurationError: nothing can be written there.
        """
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._folder):
                pass
            self._forget()
        except OSError as error:
            raise ConfigurationError(
                "POISON_LEDGER cannot be written to.", detail=repr(error), remedy="Name a folder that can, on a volume."
            ) from error

    @asynccontextmanager
    async def job(self, job_id: str | None) -> AsyncIterator[None]:
        """Around the work on a job; None is one that has no id.

        Raises:
            PoisonJob: it has ended two processes.
        """
        if self._folder is None or job_id is None or job_id in self._held:
            yield
            return
        path = self._folder / hashlib.sha256(job_id.encode()).hexdigest()[:32]
        if (mark := _take(path)) is None:  # another process works on it, and lives; or no mark can be made
            yield
            return
        with mark:
            # Each process that began it has left a byte.
            deaths = mark.seek(0, os.SEEK_END)
            if deaths >= _MOST_DEATHS:
                raise PoisonJob(detail=f"{deaths} processes died of it")
            if deaths:
                get_logger().warning("job.suspected", job_id=job_id, deaths=deaths)
            self._held.add(job_id)
            try:
                async with self._company.alone() if deaths else self._company.shared():
                    # Only now: while it waits it can do no harm.
                    if not self._ends:
                        mark.write(b"x")
                        self._marks.add(mark)
                    yield
            finally:
                self._marks.discard(mark)
                self._held.remove(job_id)
                path.unlink(missing_ok=True)

    def spare(self) -> None:
        """The process is about to end, and what still runs is not why; deaths before are not forgotten."""
        self._ends = True
        for mark in tuple(self._marks):
            # It is closed when its job ends just now.
            with suppress(ValueError, OSError):
                mark.truncate(mark.seek(0, os.SEEK_END) - 1)

    def _forget(self) -> None:
        assert self._folder is not None
        for path in self._folder.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _FORGET_AFTER_S:
                    path.unlink()


class _Company:
    """Several share the process, or one has it alone; who wants to be alone goes first."""

    def __init__(self) -> None:
        self._changed = Change()
        self._sharing = 0
        self._wanting = 0
        self._is_alone = False

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Together with others."""
        await self._changed.until(lambda: self._wanting == 0, None)
        self._sharing += 1
        try:
            yield
        finally:
            self._sharing -= 1
            self._changed.tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """With nobody beside it."""
        self._wanting += 1
        try:
            await self._changed.until(lambda: self._sharing == 0 and not self._is_alone, None)
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False
        finally:
            self._wanting -= 1
            self._changed.tell()


def _take(path: Path) -> BinaryIO | None:
    try:
        mark = open(path, "a+b", buffering=0)  # noqa: SIM115 - it is held for as long as the job runs
    except OSError as error:
        # The volume is full or gone: an answer without this protection is better than none.
        get_logger().warning("poison.unwritable", detail=repr(error))
        return None
    try:
        flock(mark, LOCK_EX | LOCK_NB)
    except OSError:
        mark.close()
        return None
    return mark
