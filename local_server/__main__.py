"""python -m local_server"""

import signal
import socket
import sys

import uvicorn
from pydantic import ValidationError

from agent.runtime import Runtime
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging, get_logger
from local_server.app import create_app


class Server(uvicorn.Server):
    """Logs the address it really listens on: with PORT=0 only the system knows it before."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and one line more."""
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                get_logger().info("server.listening", host=host, port=port)


def main() -> int:
    """Exit status: 0 stopped as asked, 1 the address is taken, 2 a setting is not valid or there is no key."""
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
    config = uvicorn.Config(
        create_app(Runtime(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    # uvicorn drains, then raises the signal again for whoever was there before it; a stop that was asked for is no
    # failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
