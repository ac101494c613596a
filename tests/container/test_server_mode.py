"""The image's other command: the HTTP server, with nothing but the files that the image holds."""

from pathlib import Path

import httpx

from tests.container.dockerfile import Stage
from tests.container.test_healthcheck import SERVER, check
from tools.serving import running_server


def test_the_image_serves_its_pages_and_is_healthy(image: Stage, image_root: Path, tmp_path: Path) -> None:
    """Without any model it still answers for its life, to Docker too, and shows the API page with its own scripts."""
    (tmp_path / "cmdline").write_bytes(SERVER)
    settings = image.environment() | {"HOST": "127.0.0.1", "API_KEYS": "a-key", "PYTHONPATH": ""}

    with running_server(settings, image_root / "app") as server:
        page = httpx.get(f"{server.url}/docs")
        script = httpx.get(f"{server.url}/swagger/swagger-ui-bundle.js")
        health = httpx.get(f"{server.url}/health")
        checked = check(image, image_root, tmp_path / "cmdline", int(server.url.rpartition(":")[2]))

    assert [200, 200, 503] == [page.status_code, script.status_code, health.status_code]
    assert "/swagger/swagger-ui-bundle.js" in page.text
    assert "://" not in page.text
    assert 0 == checked
