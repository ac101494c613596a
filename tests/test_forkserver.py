"""Commands that are forks behave as commands that are executed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forkserver
from tests.conftest import ROOT, environment
from tests.local_server.serving import wait

PROGRAMS = {
    "status": "raise SystemExit(3)",
    "message": "raise SystemExit('no store')",
    "error": "raise ValueError('broken')",
    "signal": "import os; os.kill(os.getpid(), 9)",
    "exit at once": "import os; os._exit(7)",
    "outputs": "import sys; print('out'); print('ñ', file=sys.stderr)",
    "arguments": "import sys; print(sys.argv)",
    "input": "import sys; print(sys.stdin.read()[::-1])",
    "environment": "import os; print(sorted(os.environ))",
    "folder": "import os, sys; print(os.getcwd(), sys.stdin.isatty(), sys.path[0] in ('', os.getcwd()))",
    "exit handler": "import atexit; atexit.register(print, 'last'); print('first')",
    "thread": "import threading, time; threading.Thread(target=lambda: (time.sleep(.1), print('late'))).start()",
    "interrupt": "import signal; print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))",
    "descriptors": "import os; print(sorted(os.path.exists(f'/proc/self/fd/{n}') for n in range(3)))",
    "start method": "import multiprocessing; print(multiprocessing.get_start_method())",
    "log": "import logging; print(logging.root.handlers, logging.root.level); logging.info('not shown')",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_fork_does_what_a_process_does(name: str, tmp_path: Path) -> None:
    """Same exit status, same standard output, same last line of standard error."""
    command = [sys.executable, "-c", PROGRAMS[name], "--word", "two words"]
    options = {"cwd": tmp_path, "env": environment(top_k=3), "input": "typed", "capture_output": True, "text": True}
    forked, executed = (run(command, **options) for run in (forkserver.run, subprocess.run))
    assert (executed.returncode, executed.stdout) == (forked.returncode, forked.stdout)
    assert executed.stderr.splitlines()[-1:] == forked.stderr.splitlines()[-1:]


def test_the_heavy_libraries_are_there_from_the_start() -> None:
    """But not the SDK, which reads its environment when it is imported."""
    code = "import sys; print([name in sys.modules for name in ('torch', 'agent.runtime', 'runpod')])"
    finished = forkserver.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "[True, True, False]\n" == finished.stdout


def test_a_fork_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """However that ends, and although it has started the fork server's only client."""
    code = (
        "import os, sys; from tests import forkserver\n"
        "forked = forkserver.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(forked.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code]
    started = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=False)
    wait(lambda: not Path(f"/proc/{int(started.stdout)}").exists())


def test_a_module_runs_as_the_main_one(tmp_path: Path) -> None:
    """With its own name first among the arguments, found in the folder it is started in."""
    (tmp_path / "greeting.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n", encoding="utf-8")
    command = [sys.executable, "-m", "greeting", "hello"]
    finished = forkserver.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert (0, "__main__ ['hello']\n") == (finished.returncode, finished.stdout)


def test_a_session_of_its_own_can_be_killed_whole() -> None:
    """With the processes that the command has started."""
    code = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    process = forkserver.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        child = int(process.stdout.readline())
        assert os.getpgid(child) == process.pid
        os.killpg(process.pid, signal.SIGKILL)
    assert -signal.SIGKILL == process.returncode
    # Gone, or a zombie until its new parent reaps it.
    wait(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())


def test_a_command_that_takes_too_long_is_killed() -> None:
    """And the caller told, as by `subprocess`."""
    with pytest.raises(subprocess.TimeoutExpired):
        forkserver.run([sys.executable, "-c", "import time; time.sleep(60)"], capture_output=True, timeout=0.2)


def test_ps_shows_the_command() -> None:
    """Not that of the fork server."""
    code = "print('on', flush=True); input()"
    process = forkserver.Popen(
        [sys.executable, "-c", code, "a-mark"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "on\n" == process.stdout.readline()
    assert f"{sys.executable} -c {code} a-mark" == Path(f"/proc/{process.pid}/cmdline").read_text().rstrip("\0")
    process.communicate("\n")
