"""The commands of docs/platform.md, as they stand there, one after the other, against the real models."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from agent.settings import Settings
from tests.conftest import ROOT, environment
from tests.local_server.serving import free_port

EXPECTED = (
    # What each block must print, but for the first, which starts the server.
    ('"status":"COMPLETED"', "X-API-KEY"),
    ('"status":"COMPLETED"', '"delayTime"', '"executionTime"', '"inQueue":0'),
    ("8000", "X-API-KEY", "COMPLETED"),
    ("chat.completion", "annotations", "SmolLM2-135M-Instruct"),
    ('"answer":"500"', '"times":2', '"planned":[]'),
)


def test_every_command_of_the_guide_does_what_it_says(real_settings: Settings, tmp_path: Path) -> None:
    """In one shell, on another port; the server of the first block is the one that the others ask."""
    port = free_port()
    guide = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", guide, re.M | re.S)
    assert len(EXPECTED) + 1 == len(blocks)
    marked = "\n".join(f"{block}\necho; echo ===" for block in blocks).replace(":8000/", f":{port}/")
    marked = marked.replace(".venv/bin/python", sys.executable)
    settings = {name: getattr(real_settings, name) for name in ("base_model", "embedding_model", "rag_store")}
    env = environment(**settings, port=port, platform_faults=True)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", marked],
            cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            said = read_blocks(process, len(blocks))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    lines = (tmp_path / "log").read_text(encoding="utf-8")
    assert len(blocks) == len(said), lines[-3000:]
    for words, text in zip(EXPECTED, said[1:], strict=True):
        assert [] == [word for word in words if word not in text], text
    for event in ("workers.scaled_up", "worker.started", "worker.ready", "job.ended"):
        assert f'"event": "{event}"' in lines


def read_blocks(process: "subprocess.Popen[str]", count: int) -> list[str]:
    """What each block printed; fewer when one has failed."""
    assert process.stdout is not None
    said, current = [], ""
    for line in process.stdout:
        if line == "===\n":
            said.append(current)
            current = ""
            if len(said) == count:
                break
        else:
            current += line
    return said
