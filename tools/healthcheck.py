"""The image's HEALTHCHECK, for both of its modes.

The HTTP server is healthy when `/health/live` answers 200; a worker has no server, and is alive as long as its process
is. Which of them runs is what process 1 was started as. The standard library only, and no import of Askpod: it runs
every 30 seconds.
"""

import argparse
import http.client
import os
import sys
from pathlib import Path

_TIMEOUT_S = 4.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what the server listens on, not this program


def serves_http(command_line: bytes) -> bool:
    """Whether this is the server; `command_line` is as in /proc/<pid>/cmdline, arguments end with a zero byte."""
    return b"local_server" in command_line


def is_live(host: str, port: int) -> bool:
    """Whether the server answers `GET /health/live` with 200."""
    connection = http.client.HTTPConnection(_ANY_ADDRESS.get(host, host), port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Exit status, as Docker reads it: 0 healthy, 1 unhealthy."""
    parser = argparse.ArgumentParser(prog="healthcheck.py", description=__doc__)
    parser.add_argument("--command-line", type=Path, default=Path("/proc/1/cmdline"), help="of the container's process")
    options = parser.parse_args(arguments)
    if not serves_http(options.command_line.read_bytes()):
        return 0
    return 0 if is_live(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))) else 1


if __name__ == "__main__":
    sys.exit(main())
