"""python -m local_server: the HTTP API and the serverless platform, offline."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from pydantic import ValidationError

from agent.runtime import Runtime
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging, get_logger
from agent.watchdog import watch
from local_server.platform.settings import PlatformSettings
from local_server.server import Server


def main(words: Sequence[str]) -> int:
    """Exit status: 0 stopped as asked, 2 a setting is not valid or there is no key, 3 the address is taken; 70 when the
    engine has died.
    """
    options = _options(words)
    try:
        settings = Settings()
        platform = PlatformSettings(**options)
    except ValidationError as error:
        sys.stderr.write(explain(error))
        return 2
    if not settings.api_keys and not settings.auth_disabled:
        sys.stderr.write("Set API_KEYS, or say AUTH_DISABLED=true to let anybody ask.\n")
        return 2
    configure_logging(settings)
    if settings.auth_disabled:
        get_logger().warning("server.auth_disabled")
    for asked_to_stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked_to_stop, _stop)
    try:
        runtime = Runtime(settings)
        if not platform.has_workers:
            watch(runtime)
        Server.around(runtime, platform).run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _options(words: Sequence[str]) -> dict[str, Any]:
    """Of the command line, as platform settings; what is not there stays as the environment has it."""
    parser = argparse.ArgumentParser(prog="python -m local_server", description=__doc__)
    parser.add_argument("--workers", type=int, metavar="N", help="N worker processes do the jobs, all the time")
    parser.add_argument("--min-workers", type=int, metavar="N", help="so many run even while nobody asks")
    parser.add_argument("--max-workers", type=int, metavar="N", help="so many at most, as many as there is work for")
    given = parser.parse_args(words)
    if given.workers is not None:
        if given.min_workers is not None or given.max_workers is not None:
            parser.error("--workers N says both --min-workers N and --max-workers N")
        return {"min_workers": given.workers, "max_workers": given.workers}
    known = {"min_workers": given.min_workers, "max_workers": given.max_workers}
    return {name: value for name, value in known.items() if value is not None}


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """uvicorn drains, then raises the signal again; a stop that was asked for is no failure."""
    sys.exit(0)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # A load may still run in its thread, in the middle of native code; the interpreter's own end would crash there.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)
