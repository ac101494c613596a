"""A process whose engine has died."""

import subprocess
import sys

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


FROZEN = """
class Frozen(ScriptedEngine):
    ill_from = 0.0
    def healthy(self):
        return not 0 < time.monotonic() - self.ill_from < 1
engine = Frozen()
"""


def status_of(ending: str, engine: str = "engine = ScriptedEngine()") -> int:
    program = PROCESS.replace("engine = ScriptedEngine()", engine).format(ending=ending)
    return subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode


def test_a_process_whose_engine_has_died_ends_so_that_another_takes_its_place() -> None:
    """With a status that says so; nobody has to stop it."""
    assert EXIT_STATUS == status_of("engine.close()")


def test_a_process_that_is_closed_is_left_to_end_by_itself() -> None:
    """Although its engine ends then too."""
    assert 3 == status_of("runtime.close()")


def test_a_process_that_was_frozen_in_a_step_goes_on() -> None:
    """What was seen as a step that hangs ends once the process is awake again; it was no death."""
    ending = "engine.ill_from = time.monotonic(); time.sleep(3); assert thread.is_alive(); runtime.close()"
    assert 3 == status_of(ending, FROZEN)
