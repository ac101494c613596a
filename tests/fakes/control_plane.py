"""A small fake of the platform's side of a worker: job-take, job-done, job-stop, ping, on a real socket.

It behaves as far as the SDK's worker loop needs it (runpod 1.12.0, rp_job.py, rp_http.py, rp_ping.py). A job that was
handed out stays leased until its result comes, and can be handed out again.
"""

import json
import queue
import select
import socket
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

LONG_POLL_S = 1.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Report what goes wrong here, but not that a worker was killed in the middle of a request."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ControlPlane:
    """Submit jobs, read their results. Use it as a context manager."""

    def __init__(self, long_poll_s: float = LONG_POLL_S) -> None:
        self.long_poll_s = long_poll_s
        self.results: dict[str, Any] = {}
        self.leased: dict[str, dict[str, Any]] = {}
        self.pings: list[str] = []
        # So many results are answered with 500, and not kept.
        self.refuses = 0
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stops: queue.Queue[str] = queue.Queue()
        self._arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))

    def __enter__(self) -> "ControlPlane":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What the platform sets in a worker's environment, pointing here; its machine checks are off."""
        base = f"http://127.0.0.1:{self._server.server_port}/v2/fake"
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=none",
            "RUNPOD_PING_INTERVAL": "1000",
            "RUNPOD_AI_API_KEY": "throw-away",
            "RUNPOD_POD_ID": "worker-1",
            "RUNPOD_ENDPOINT_ID": "fake",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }

    def submit(self, **job: Any) -> str:
        """Queue a job, `input=...` and whatever else it has; returns its id."""
        job_id = job.setdefault("id", f"{uuid.uuid4()}-u1")
        self._queue.put(job)
        return str(job_id)

    def stop(self, job_id: str) -> None:
        """Ask the worker to stop a job, as a cancel or a timeout does."""
        self._stops.put(job_id)

    def redeliver(self, job_id: str) -> None:
        """Queue a job again that was handed out and not done, as when its worker died."""
        self._queue.put(self.leased.pop(job_id))

    def result(self, job_id: str, timeout: float) -> Any:
        """What job-done brought for a job; fails when nothing came within `timeout` seconds."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: job_id in self.results, timeout)
        assert arrived, f"no result for {job_id} within {timeout} s"
        return self.results[job_id]

    def take(self) -> dict[str, Any] | None:
        """The next job, or None after a long poll."""
        try:
            job = self._queue.get(timeout=self.long_poll_s)
        except queue.Empty:
            return None
        self.leased[job["id"]] = job
        return job

    def stops(self) -> list[str]:
        """Jobs to stop, or nothing after a long poll."""
        try:
            return [self._stops.get(timeout=self.long_poll_s)]
        except queue.Empty:
            return []

    def done(self, job_id: str, body: Any) -> None:
        """Keep a result."""
        with self._arrived:
            self.results[job_id] = body
            self.leased.pop(job_id, None)
            self._arrived.notify_all()


def _handler_for(plane: ControlPlane) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            route = self._route()
            if route in ("job-take", "job-take-batch"):
                job = plane.take()
                if job and self._is_gone():
                    plane.redeliver(job["id"])
                else:
                    self._answer(200 if job else 204, [job] if job and route == "job-take-batch" else job)
            elif route == "job-stop":
                stops = plane.stops()
                self._answer(200 if stops else 204, {"jobsToStop": stops} if stops else None)
            else:
                plane.pings.append(self.path)
                self._answer(200, {})

        def do_POST(self) -> None:
            # The SDK declares a form, but the body is JSON text.
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self._route() == "job-done":
                # .../job-done/<worker>/<job>, then ? or & and parameters
                job_id = unquote(self.path.split("?")[0].split("&")[0].rsplit("/", 1)[-1])
                if plane.refuses > 0:
                    plane.refuses -= 1
                    self._answer(500, {})
                    return
                plane.done(job_id, body)
            self._answer(200, {})

        def _is_gone(self) -> bool:
            # A write to a worker that was killed in its long poll would succeed, and the job would be lost.
            try:
                readable, _, _ = select.select([self.connection], [], [], 0)
                return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
            except ConnectionError:
                return True

        def _route(self) -> str:
            return self.path.split("/")[3]

        def _answer(self, status: int, body: object) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Quiet: a test reads results, not access logs."""

    return Handler
