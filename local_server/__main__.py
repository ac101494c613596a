"""python -m local_server: the HTTP API and the serverless platform, offline; `keys` makes and revokes API keys."""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

from pydantic import ValidationError

from agent.load_errors import ConfigurationError
from agent.runtime import Runtime
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging, get_logger
from agent.telemetry.metrics import listen
from agent.telemetry.tracing import configure_tracing
from agent.unknown_name import unknown_names
from agent.watchdog import watch
from local_server import key_commands
from local_server.auth import keys_of
from local_server.platform.harness import TESTS, Plan, run_tests
from local_server.platform.settings import PlatformSettings
from local_server.server import Server

_LOOK_S = 0.05
# As shells have it for SIGINT.
_STOPPED = 130
_PREFIX = PlatformSettings.model_config["env_prefix"]


def main(words: Sequence[str]) -> int:
    """Exit status: 0 stopped as asked, 2 a setting is not valid or there is no key, 3 the address is taken; 70 when the
    engine has died. Of `--hub-harness`: 1 when a test has failed, 130 when it was stopped.
    """
    if words[:1] == ["keys"]:
        return _keys(words[1:])
    options = _options(words)
    try:
        settings, platform = Settings(), PlatformSettings(**_given(options))
        plan = Plan.read() if options.hub_harness else None
    except ValidationError as error:
        sys.stderr.write(explain(error, _PREFIX if error.title == PlatformSettings.__name__ else ""))
        return 2
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings)
    # First of all: who has set API_KEY would only be told that there is no key.
    if unknown := unknown_names(Settings, PlatformSettings):
        get_logger().warning("settings.unknown", names=[str(name) for name in unknown])
    if plan is not None:
        return _test(
            plan, settings.model_copy(update={"auth_disabled": True, "host": "127.0.0.1", "port": 0}), platform
        )
    try:
        may_ask = settings.auth_disabled or keys_of(settings).any
    except (OSError, ValueError) as error:
        sys.stderr.write(f"KEYS_FILE: {error}\n")
        return 2
    if not may_ask:
        sys.stderr.write("Set API_KEYS or KEYS_FILE, or say AUTH_DISABLED=true to let anybody ask.\n")
        return 2
    return _serve(settings, platform)


def _keys(words: Sequence[str]) -> int:
    try:
        return key_commands.main(words, Settings())
    except ValidationError as error:
        sys.stderr.write(explain(error))
        return 2


def _serve(settings: Settings, platform: PlatformSettings) -> int:
    if settings.auth_disabled:
        get_logger().warning("server.auth_disabled")
    runtime = Runtime(settings)
    server = Server.around(runtime, platform)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # uvicorn raises the signals again that it has drained for; a stop that was asked for is no failure.
        server.should_exit = True

    for asked_to_stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_stop, stop)
    if not platform.has_workers:
        watch(runtime)
    try:
        if settings.metrics_port:
            listen(settings.host, settings.metrics_port, server.answering.gauges)
    except OSError as error:
        sys.stderr.write(f"METRICS_PORT: {error.strerror}\n")
        return 3
    try:
        stop_tracing = configure_tracing(settings)
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    try:
        server.run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        stop_tracing()
    return 0


def _test(plan: Plan, settings: Settings, platform: PlatformSettings) -> int:
    """One worker, as the Hub's test runner starts it, and the plan's tests."""
    os.environ.update(plan.environment)
    for asked_to_stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_stop, signal.default_int_handler)
    server = Server.around(Runtime(settings), platform)
    serving = threading.Thread(target=server.run, name="askpod-serve")
    serving.start()
    try:
        while not server.listening:
            if not serving.is_alive():
                return 3
            time.sleep(_LOOK_S)
        host, port = server.listening[0]
        url = f"http://{host}:{port}/v2/{platform.endpoint_id}"
        failed = run_tests(plan, url, _say)
    except KeyboardInterrupt:
        _say("stopped; the tests that have no line were not run")
        return _STOPPED
    finally:
        server.should_exit = True
        serving.join()
    return int(failed > 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_server", description=__doc__)
    parser.add_argument("--workers", type=int, metavar="N", help="N worker processes do the jobs, all the time")
    parser.add_argument("--min-workers", type=int, metavar="N", help="so many run even while nobody asks")
    parser.add_argument("--max-workers", type=int, metavar="N", help="so many at most, as many as there is work for")
    parser.add_argument("--faults", action="store_true", help="open /_faults: what is to go wrong")
    parser.add_argument("--hub-harness", action="store_true", help=f"run {TESTS} as the Hub's test runner does")
    options = parser.parse_args(words)
    if options.workers is not None and (options.min_workers, options.max_workers) != (None, None):
        parser.error("--workers N says both --min-workers N and --max-workers N")
    how_many = (options.workers, options.min_workers, options.max_workers)
    if options.hub_harness and (options.faults or how_many != (None, None, None)):
        parser.error("--hub-harness has one worker and no faults, as the Hub's test runner")
    return options


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The platform settings of the command line; what is not there stays as the environment has it."""
    least = options.workers if options.min_workers is None else options.min_workers
    most = options.workers if options.max_workers is None else options.max_workers
    known = {"min_workers": least, "max_workers": most, "faults": options.faults or None}
    if options.hub_harness:
        known |= {"min_workers": 1, "max_workers": 1, "hub_harness": True}
    return {name: value for name, value in known.items() if value is not None}


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # A load may still run in its thread, in the middle of native code; the interpreter's own end would crash there.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
