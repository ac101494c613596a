"""A process whose engine has died."""

import subprocess
import sys
import textwrap

from agent.watchdog import EXIT_STATUS

PROCESS = """
import sys, time
from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.watchdog import watch
from tests.fakes.loading import scripted_loader

engine = ScriptedEngine()
runtime = Runtime(Settings(), scripted_loader(engine))
thread = watch(runtime, every_s=0.01)
runtime.load()
time.sleep(0.1)
assert thread.is_alive() and runtime.ready
{ending}
thread.join(20)
sys.exit(3)
"""


def status_of(ending: str) -> int:
    program = textwrap.dedent(PROCESS).format(ending=ending)
    return subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode


def test_a_process_whose_engine_has_died_ends_so_that_another_takes_its_place() -> None:
    """With a status that says so; nobody has to stop it."""
    assert EXIT_STATUS == status_of("engine.close()")


def test_a_process_that_is_closed_is_left_to_end_by_itself() -> None:
    """Although its engine ends then too."""
    assert 3 == status_of("runtime.close()")
