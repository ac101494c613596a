"""`serve run` on a Ray of this machine: the file of the guide, and replicas that load what the settings name."""

import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, environment
from tests.deploy.ray_serving import KEY
from tests.local_server.serving import free_port, wait

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUESTION = "Which header carries the API key?"


def test_the_file_of_the_guide_serves_answers(real_store: Path, tmp_path: Path) -> None:
    """As the guide says, with a real store and a real embedder, under the name that Ray gives an application."""
    guide = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    (file,) = re.findall(r"```yaml\n(applications:.*?)```", guide, re.DOTALL)
    port = free_port()
    config = tmp_path / "askpod.yaml"
    config.write_text(f"{file}http_options:\n  host: 127.0.0.1\n  port: {port}\n", encoding="utf-8")
    command = [sys.executable, "-m", "ray.serve.scripts", "run", str(config)]
    env = environment(api_keys=KEY, base_model="none", rag_store=real_store) | {"RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-KEY": KEY}, timeout=60) as client:
                wait(lambda: ready(client), 120)
                answer = client.post("/v1/ask", json={"question": QUESTION}).json()
        finally:
            process.send_signal(signal.SIGINT)
    assert "`X-API-KEY`" in answer["answer"]
    assert answer["grounded"]


def ready(client: httpx.Client) -> bool:
    """Whether it answers; before its gate is there Ray says that there is nothing, and before that nobody listens."""
    with suppress(httpx.TransportError):
        return 200 == client.get("/health/ready").status_code
    return False
