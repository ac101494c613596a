"""A results file that survives kills and refuses to mix evaluations."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.journal import Journal, JournalRefused
from tests.conftest import ROOT, environment

FINGERPRINT = {"dataset": "9f2c", "index": None, "settings": {"top_k": 4, "modes": ("a", "b")}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def filled(path: Path, results: dict[str, Any]) -> Path:
    with Journal(path, FINGERPRINT) as journal:
        for question, result in results.items():
            journal.add(question, result)
    return path


def reopened(path: Path) -> dict[str, Any]:
    with Journal(path, FINGERPRINT) as journal:
        return journal.results


def test_a_journal_is_continued(tmp_path: Path) -> None:
    """What is done is there again, and what is added comes after it; the folder is made."""
    path = filled(tmp_path / "new" / "results.jsonl", {"q1": {"f1": 0.5}})
    with Journal(path, FINGERPRINT) as journal:
        assert {"q1": {"f1": 0.5}} == journal.results
        journal.add("q2", None)
    assert {"q1": {"f1": 0.5}, "q2": None} == reopened(path)


@given(results=st.dictionaries(st.text(max_size=6), JSON, max_size=4), lost=st.integers(0, 60))
def test_a_half_written_line_is_dropped(results: dict[str, Any], lost: int) -> None:
    """Whatever the kill left of the last lines, the whole ones before them are there, and the file goes on."""
    with tempfile.TemporaryDirectory() as folder:
        path = filled(Path(folder) / "results.jsonl", results)
        content = path.read_bytes()
        header = content.index(b"\n") + 1
        content = content[: max(len(content) - lost, header)]
        path.write_bytes(content)
        kept = content.count(b"\n") - 1
        with Journal(path, FINGERPRINT) as journal:
            assert dict(list(results.items())[:kept]) == journal.results
            journal.add("the next one", 1)
        assert [*list(results)[:kept], "the next one"] == list(reopened(path))


@pytest.mark.parametrize("left", [0, 1, 10, 30])
def test_a_half_written_first_line_starts_anew(tmp_path: Path, left: int) -> None:
    """Killed before anything was done."""
    path = filled(tmp_path / "results.jsonl", {})
    path.write_bytes(path.read_bytes()[:left])
    assert {} == reopened(path)
    assert {} == reopened(filled(path, {}))


def test_another_evaluation_is_refused(tmp_path: Path) -> None:
    """The error names what differs, and nothing is lost; restart throws it away."""
    path = filled(tmp_path / "results.jsonl", {"q1": 1})
    other = FINGERPRINT | {"dataset": "0000", "seed": 7}
    with pytest.raises(JournalRefused, match=r"another evaluation \(different: dataset, seed\)"):
        Journal(path, other)
    assert {"q1": 1} == reopened(path)
    with Journal(path, other, restart=True) as journal:
        assert {} == journal.results
    with pytest.raises(JournalRefused, match="different: dataset, seed"):
        Journal(path, FINGERPRINT)


@pytest.mark.parametrize(
    "content", ["notes of mine", "notes\nof mine", "{}\n", '[1]\n{"a": 1}\n', '{"fingerprint": 1}\n']
)
def test_a_file_that_is_no_journal_stays_as_it_is(tmp_path: Path, content: str) -> None:
    """A mistyped path costs nobody a file."""
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(JournalRefused, match=r"no journal"):
        Journal(path, FINGERPRINT)
    assert content == path.read_text()


@pytest.mark.parametrize("line", ["{", "7", '{"id": 1, "result": 1}', '{"id": "q"}', "", '"\\ud800'])
def test_damage_in_the_middle_is_refused(tmp_path: Path, line: str) -> None:
    """No kill leaves a line that ends and is none; somebody else did."""
    path = filled(tmp_path / "results.jsonl", {"q1": 1})
    path.write_bytes(path.read_bytes() + f"{line}\n".encode())
    with pytest.raises(JournalRefused, match="damaged at line 3"):
        Journal(path, FINGERPRINT)


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    """The second is refused until the first has closed."""
    path = tmp_path / "results.jsonl"
    with Journal(path, FINGERPRINT), pytest.raises(JournalRefused, match="being written by another"):
        Journal(path, FINGERPRINT, restart=True)
    assert {} == reopened(path)


@pytest.mark.parametrize(("question", "result"), [("q1", 2), ("q2", float("nan"))])
def test_what_cannot_be_recorded_leaves_the_file_whole(tmp_path: Path, question: str, result: object) -> None:
    """A second result for a question, and a number that JSON does not know."""
    path = filled(tmp_path / "results.jsonl", {"q1": 1})
    with Journal(path, FINGERPRINT) as journal, pytest.raises(ValueError, match=r"already|JSON"):
        journal.add(question, result)
    assert {"q1": 1} == reopened(path)


def test_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    """A small model may write one; it must not end an evaluation."""
    assert {"q1": "\ud83d"} == reopened(filled(tmp_path / "results.jsonl", {"q1": "\ud83d"}))


def test_what_was_added_survives_a_kill(tmp_path: Path) -> None:
    """A process killed between two questions has lost neither."""
    path = tmp_path / "results.jsonl"
    code = (
        "import os, pathlib, signal, sys\n"
        "from evaluation.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), {'dataset': '1'})\n"
        "journal.add('q1', 'año')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, env=environment(), check=False)
    assert -signal.SIGKILL == killed.returncode
    assert [{"fingerprint": {"dataset": "1"}}, {"id": "q1", "result": "año"}] == [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()
    ]


def test_a_full_disk_leaves_no_half_line() -> None:
    """What did not fit is taken back, so that the file can go on once there is room."""
    code = (
        "import pathlib, resource, signal, sys\n"
        "from evaluation.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), {'dataset': '1'})\n"
        "try:\n"
        "    journal.add('q1', 'x' * 200)\n"
        "except OSError:\n"
        "    journal.add('q2', 'fits')\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, env=environment(), check=True)
        with Journal(path, {"dataset": "1"}) as journal:
            assert {"q2": "fits"} == journal.results
    assert not os.path.exists(folder)
