"""The process that serves: uvicorn, set up for us."""

import asyncio
import functools
import math
import socket
import time
from types import FrameType

import uvicorn

from agent.runtime import Runtime
from agent.telemetry.logs import get_logger
from handler.handler import answer
from handler.streaming import stream
from local_server.answering import Answering
from local_server.app import create_app
from local_server.auth import Keys, keys_of
from local_server.events import HEARTBEAT_S
from local_server.platform.platform import Platform
from local_server.platform.process import Launch, launch_command
from local_server.platform.remote import RemoteRuntime
from local_server.platform.settings import PlatformSettings

_LAST_RESORT_S = 5
_LOOK_S = 0.02
# Longer than clients keep an idle connection. The SDK's keeps one for 15 s and posts a result on it only once: one that
# was closed meanwhile, while its loop was blocked, would take the result along.
_KEEP_ALIVE_S = 75
# So long a response that is ready takes to go out.
_MOMENT_S = 0.2


class Server(uvicorn.Server):
    """Serves one runtime, and the platform around it, until it is told to stop.

    Requests and jobs that run then have `DRAIN_TIMEOUT_S` to end; new ones are refused meanwhile.

    Its log goes through the root logger; the canonical line of each request stands in for uvicorn's access log.
    """

    def __init__(
        self, runtime: Answering, platform: Platform, keys: Keys | None, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(runtime, platform, keys, heartbeat_s),
                host=runtime.settings.host,
                port=runtime.settings.port,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self.listening: list[tuple[str, int]] = []
        self.platform = platform
        self.answering = runtime

    @classmethod
    def around(
        cls, runtime: Runtime, settings: PlatformSettings, launch: Launch | None = None, *,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> "Server":  # fmt: skip
        """A server whose questions and jobs this process answers with `runtime`, or worker processes where the
        settings want some; then nothing is loaded here. `launch` starts a worker; `python -m handler` if left out.

        Raises:
            ValueError: the file of keys is not valid.
        """
        job_handler = stream if runtime.settings.handler_mode == "stream" else answer
        handler = functools.partial(job_handler, runtime=runtime)
        platform = Platform(
            settings, handler, runtime.settings.handler_concurrency, lambda: runtime.ready,
            runtime.settings.drain_timeout_s, launch or launch_command(),
        )  # fmt: skip
        answering = RemoteRuntime(runtime.settings, platform.endpoint) if settings.has_workers else runtime
        keys = None if runtime.settings.auth_disabled else keys_of(runtime.settings)
        return cls(answering, platform, keys, heartbeat_s=heartbeat_s)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; then logs the address it really listens on, which with PORT=0 only the system knows, and opens
        the platform there.
        """
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                self.listening.append((host, port))
                get_logger().info("server.listening", host=host, port=port)
        if self.listening:
            self.platform.start(*self.listening[0])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but what runs ends first, while workers can still call and new questions are still told that
        this server stops.

        What outlasts the grace is still told so: uvicorn would leave it without a response. One grace is for all of
        it, and asking a second time ends it.
        """
        until = time.monotonic() + self.answering.settings.drain_timeout_s

        def left_s() -> float:
            return 0.0 if self.force_exit else max(0.0, until - time.monotonic())

        self.answering.drain()
        await self.platform.stop(left_s)
        while self.answering.running and left_s() > 0:
            await asyncio.sleep(_LOOK_S)
        end_of_grace = asyncio.get_running_loop().call_later(max(left_s(), _MOMENT_S), self._cut_off)
        self.config.timeout_graceful_shutdown = math.ceil(left_s()) + _LAST_RESORT_S
        try:
            await super().shutdown(sockets)
        finally:
            end_of_grace.cancel()
        if self.force_exit:
            # uvicorn leaves the application open then, and its task to be cancelled with a traceback.
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As uvicorn's, which lets only Ctrl-C end the grace: whatever asks a second time does."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)

    def _cut_off(self) -> None:
        get_logger().warning("server.cut_off", requests=len(self.server_state.tasks))
        for request in self.server_state.tasks:
            request.cancel()
