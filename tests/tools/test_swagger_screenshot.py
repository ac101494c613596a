"""What is looked at before the API page is photographed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tools.swagger_screenshot import dangling_references, operation_fragment

OPENAPI = {
    "paths": {
        "/v1/ask": {
            "post": {
                "tags": ["ask"],
                "operationId": "ask_v1_ask_post",
                "responses": [{"$ref": "#/components/schemas/Answer"}, {"$ref": "#/$defs/Message"}],
            }
        }
    },
    "components": {"schemas": {"Answer": {"type": "object"}}},
}


def test_the_fragment_opens_the_operation() -> None:
    """Swagger UI expands the operation that its fragment names by tag and id."""
    assert "#/ask/ask_v1_ask_post" == operation_fragment(OPENAPI, "/v1/ask", "post")


def test_references_to_nothing_are_found() -> None:
    """A reference that the description does not resolve would be a red box in the picture."""
    assert {"#/$defs/Message"} == dangling_references(OPENAPI)


def test_without_a_browser_it_says_what_to_install(tmp_path: Path) -> None:
    """Where no browser is found, nothing is started or written, and the exit status is 2."""
    command = [sys.executable, "-m", "tools.swagger_screenshot", "--output", str(tmp_path / "picture.png")]

    result = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True)

    assert 2 == result.returncode
    assert "chromium" in result.stderr
    assert [] == list(tmp_path.iterdir())
