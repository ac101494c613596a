"""What a report says of the machine, and what it does not."""

import os
import socket
from pathlib import Path

import pytest

from evaluation.environment import environment
from evaluation.machine import without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ana/models/e5", "e5"),
        ("--data=/srv/my data/dev.json", "--data=dev.json"),
        ("~/dev.json", "dev.json"),
        ("../../home/ana/dev.json", "dev.json"),
        ("legal=/home/ana/a,sales=/home/ana/b", "legal=a,sales=b"),
        ("models/multilingual-e5-small", "models/multilingual-e5-small"),
        ("intfloat/multilingual-e5-small", "intfloat/multilingual-e5-small"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("0.5", "0.5"),
        ("", ""),
    ],
)
def test_of_a_path_only_the_name_stays(text: str, expected: str) -> None:
    """Paths inside the project and names on the Hub tell nothing of the machine and stay."""
    assert expected == without_paths(text)


def test_the_machine_is_described_without_naming_it(tmp_path: Path) -> None:
    """Cores, memory, versions and the command; no host name, home or folder."""
    found = environment(
        embedder=str(tmp_path / "e5"),
        settings={"store": tmp_path, "top_k": 4},
        command=[str(tmp_path / "python"), "-m", "evaluation"],
    )
    assert (os.cpu_count(), "python -m evaluation", "e5") == (found.cores, found.command, found.embedder)
    assert {"store": tmp_path.name, "top_k": "4"} == found.settings
    assert found.memory_gib is not None
    assert found.memory_gib > 0
    assert "0.1.0" == found.versions["askpod"]
    written = repr(found)
    assert not [
        secret for secret in (socket.gethostname(), str(Path.home()), str(tmp_path.parent)) if secret in written
    ]


def test_the_command_of_this_process_is_the_default() -> None:
    """Its interpreter without the folder it lies in."""
    command = environment().command
    assert "python" in command.split()[0]
    assert not command.startswith("/")
