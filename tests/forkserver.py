"""Commands of this project as real processes that start in milliseconds.

A fork server (`multiprocessing`'s) imports torch, transformers, runpod and the rest once per test process. Each command
is a fork of it: a process of its own with its own arguments, environment, folder, descriptors, session and exit status,
to which every signal can be sent. Only the imports, seconds of CPU time, are not repeated. A test about the interpreter
itself (what an import loads, a crash while it starts) uses `subprocess` instead.
"""

import asyncio
import atexit
import functools
import io
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import pytest
import setproctitle

from handler.parent import die_with_parent
from local_server.platform.process import Launch, LaunchedProcess
from tests.conftest import ROOT, environment

_PRELOADED = "tests.preloaded"
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([_PRELOADED])
_LARGEST_READ = 65536
# multiprocessing keeps its processes in a set, and reads a process's exit status from a pipe: one thread at a time.
_LOCK = threading.RLock()


@functools.cache
def _start() -> None:
    """Start the fork server in the environment of a command; it then imports what is preloaded."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        multiprocessing.forkserver.ensure_running()


class _Descriptor:
    """A file descriptor that travels to the child; it can be pickled only while a process starts."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._number),)


def _received(duplicate: Any) -> int:
    return int(duplicate.detach())


class Popen:
    """As `subprocess.Popen`, for `[sys.executable, "-m", module, ...]` or `[sys.executable, "-c", code, ...]`."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None,
        stdin: Any = None, stdout: Any = None, stderr: Any = None, text: bool = False, start_new_session: bool = False,
    ) -> None:  # fmt: skip
        interpreter, flag, *words = command
        assert (interpreter, flag in ("-m", "-c")) == (sys.executable, True), command
        ours, theirs, opened = _connected(stdin, stdout, stderr)
        # As a daemon it is killed, not waited for, when a test that has failed leaves it behind.
        self._process = _SERVER.Process(
            target=_become, daemon=True,
            args=(flag, words, str(cwd or Path.cwd()), dict(os.environ if env is None else env),
                  [_Descriptor(number) for number in theirs], start_new_session),
        )  # fmt: skip
        try:
            with _LOCK:
                _start()
                self._process.start()
        except BaseException:
            for number in filter(None, ours):
                os.close(number)
            raise
        finally:
            for number in opened:
                os.close(number)
        if start_new_session:
            self._wait_for_session()
        self.stdin, self.stdout, self.stderr = (_stream(number, text, place == 0) for place, number in enumerate(ours))
        self.args = command
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int:
        """Process id; of the process group as well, with `start_new_session`."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs, negative for a signal."""
        with _LOCK:
            return self._process.exitcode

    def _wait_for_session(self) -> None:
        """`subprocess` returns when the command is executed, and leads its session."""
        with suppress(ProcessLookupError):
            while self.returncode is None and os.getsid(self.pid) != self.pid:
                time.sleep(0.001)

    def poll(self) -> int | None:
        """As `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Exit status, when it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs for longer than `timeout` seconds.
        """
        connection.wait([self._process.sentinel], timeout)
        status = self.returncode
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal to it, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Write `input`, read both outputs to their ends, and wait.

        Raises:
            subprocess.TimeoutExpired: it takes longer than `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        read: dict[str, Any] = {}

        def read_all(name: str, stream: IO[Any]) -> None:
            read[name] = stream.read()

        outputs = {name: getattr(self, name) for name in ("stdout", "stderr")}
        self._readers = [
            threading.Thread(target=read_all, args=item, daemon=True) for item in outputs.items() if item[1] is not None
        ]
        for reader in self._readers:
            reader.start()
        if self.stdin is not None:
            with suppress(BrokenPipeError), self.stdin as stdin:
                if input:
                    stdin.write(input)
        for reader in self._readers:
            reader.join(None if deadline is None else max(0, deadline - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if deadline is None else max(0.1, deadline - time.monotonic()))
        self._close()
        return read.get("stdout"), read.get("stderr")

    def __enter__(self) -> "Popen":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._readers:
            # A command that still writes must not wait for a reader.
            self._close()
        self.wait()
        for reader in self._readers:
            reader.join()
        self._close()

    def _close(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def run(
    command: Sequence[str], *, input: Any = None, capture_output: bool = False, timeout: float | None = None,
    check: bool = False, **options: Any,
) -> subprocess.CompletedProcess[Any]:  # fmt: skip
    """As `subprocess.run`, for the commands of `Popen`.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds; it was killed.
        subprocess.CalledProcessError: its exit status is not 0, and `check` asks for that.
    """
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with Popen(command, **options) as process:
        try:
            stdout, stderr = process.communicate(input, timeout)
        finally:
            process.kill()
    assert process.returncode is not None
    finished = subprocess.CompletedProcess(list(command), process.returncode, stdout, stderr)
    if check:
        finished.check_returncode()
    return finished


class _Launched:
    """A worker of the platform that is a fork; see `local_server.platform.process.LaunchedProcess`."""

    def __init__(self, process: Popen) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs, negative for a signal."""
        return self._process.returncode

    def send_signal(self, signal: int) -> None:
        """Send a signal to it, if it runs."""
        self._process.send_signal(signal)

    async def wait(self) -> int:
        """Exit status, when it has ended; a cancelled call waits no longer."""
        while self.returncode is None:
            await asyncio.sleep(0.02)
        return self.returncode


def launch_fork(command: Sequence[str]) -> Launch:
    """As `local_server.platform.process.launch_command`, for the commands of `Popen`."""

    async def launch(environment: Mapping[str, str]) -> LaunchedProcess:
        # In a thread, as the fork server may still be importing.
        starting = asyncio.ensure_future(
            asyncio.to_thread(
                Popen, command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=sys.stderr, start_new_session=True,
            )
        )  # fmt: skip
        try:
            return _Launched(await asyncio.shield(starting))
        except asyncio.CancelledError:
            # The thread goes on: its process must not be left running.
            starting.add_done_callback(lambda started: started.result().kill())
            raise

    return launch


def _connected(*wanted: Any) -> tuple[list[int | None], list[int], list[int]]:
    """For standard input, output and error: our ends of pipes, the child's ends, and which of these to close here."""
    ours: list[int | None] = []
    theirs: list[int] = []
    opened: list[int] = []
    for place, want in enumerate(wanted):
        mine = None
        if want == subprocess.PIPE:
            reading, writing = os.pipe()
            mine, number = (writing, reading) if place == 0 else (reading, writing)
            opened.append(number)
        elif want == subprocess.DEVNULL:
            number = os.open(os.devnull, os.O_RDWR)
            opened.append(number)
        elif want == subprocess.STDOUT:
            number = theirs[1]
        else:
            number = place if want is None else want if isinstance(want, int) else want.fileno()
        ours.append(mine)
        theirs.append(number)
    return ours, theirs, opened


def _stream(number: int | None, text: bool, writes: bool) -> Any:
    if number is None:
        return None
    if text:
        return open(number, "w" if writes else "r", encoding="utf-8")
    return open(number, "wb" if writes else "rb", buffering=0 if writes else -1)


# ---------------------------------------------------------------- in the child


def _become(
    flag: str, words: list[str], folder: str, environment: dict[str, str], descriptors: list[int], new_session: bool
) -> None:
    """Be the command: what the interpreter would set up, and then the module or the code."""
    # multiprocessing has its children start processes as they were started; a command has the interpreter's default.
    multiprocessing.set_start_method(None, force=True)
    # Nor is it a daemon to itself, which could not start any.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    # The fork server ends with the test process, unless a fork holds its pipe, and the forks end with the fork server.
    os.close(multiprocessing.forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    die_with_parent()
    if new_session:
        os.setsid()
    for place, number in enumerate(descriptors):
        os.dup2(number, place)
    for number in set(descriptors) - {0, 1, 2}:
        os.close(number)
    _open_standard_streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # `ps` and `pgrep` show the command, as they would show it had it been executed.
    setproctitle.setproctitle(" ".join([sys.executable, flag, *words]))
    sys.path[:0] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    try:
        if flag == "-m":
            sys.argv = list(words)
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = ["-c", *words[1:]]
            exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
    finally:
        # multiprocessing ends its children without these, in the order of the interpreter's own end.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _open_standard_streams() -> None:
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(place, "rb" if place == 0 else "wb", closefd=False, buffering=_LARGEST_READ)  # noqa: SIM115
        errors = "backslashreplace" if name == "stderr" else "strict"
        live = name == "stderr" or stream.isatty()
        wrapped = io.TextIOWrapper(stream, encoding="utf-8", errors=errors, line_buffering=live)
        setattr(sys, name, wrapped)
        setattr(sys, f"__{name}__", wrapped)
