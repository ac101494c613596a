"""python -m local_server"""

import logging
import os
import signal
import sys
from types import FrameType

from pydantic import ValidationError

from agent.runtime import Runtime
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging, get_logger
from agent.watchdog import watch
from local_server.server import Server


def main() -> int:
    """Exit status: 0 stopped as asked, 2 a setting is not valid or there is no key, 3 the address is taken; 70 when the
    engine has died.
    """
    try:
        settings = Settings()
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
        watch(runtime)
        Server(runtime).run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """uvicorn drains, then raises the signal again; a stop that was asked for is no failure."""
    sys.exit(0)


if __name__ == "__main__":
    status = main()
    # A load may still run in its thread, in the middle of native code; the interpreter's own end would crash there.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)
