"""A small fake of the models' Hub: one repository, on a real socket, as far as `snapshot_download` needs it."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


class ModelHub:
    """Serves `files` as the repository `name`, to whoever has the `token`. Use it as a context manager."""

    def __init__(self, name: str, files: dict[str, bytes], token: str = "") -> None:
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self, name, files, token))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ModelHub":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler_for(hub: ModelHub, name: str, files: dict[str, bytes], token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            hub.requests.append(f"{self.command} {path}")
            if token and self.headers["Authorization"] != f"Bearer {token}":
                self._answer(401, b"{}")
            elif path.startswith(f"/api/models/{name}"):
                if "/tree/" in path:
                    tree = [{"type": "file", "path": file, "size": len(text), "oid": _etag(text)}
                            for file, text in files.items()]  # fmt: skip
                    self._answer(200, json.dumps(tree).encode())
                else:
                    siblings = [{"rfilename": file} for file in files]
                    about = {"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
                    self._answer(200, json.dumps(about).encode())
            elif (file := path.removeprefix(f"/{name}/resolve/{COMMIT}/")) in files:
                self._answer(200, files[file], {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(files[file])}"'})
            else:
                self._answer(404, b"{}")

        def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for header, value in ({"Content-Type": "application/json"} | (headers or {})).items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    return Handler


def _etag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
