"""The journal of an interrupted build."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.ingest.journal import FILE_NAME, Journal
from agent.retrieval.embedder import PassageVectors

DIMENSION = 8


def vectors(number: int) -> PassageVectors:
    rows = np.arange((number + 1) * DIMENSION, dtype=np.float32).reshape(-1, DIMENSION) / 7
    return PassageVectors(rows[0], rows[1:])


def digest(number: int) -> bytes:
    return bytes([number]) * 16


def opened(store: Path, fingerprint: str = "embedder") -> Journal:
    return Journal(store, fingerprint, DIMENSION)


def write(store: Path, count: int) -> Path:
    with opened(store) as journal:
        for number in range(count):
            journal.add(digest(number), vectors(number))
    return store / FILE_NAME


def read(store: Path, fingerprint: str = "embedder") -> list[bytes]:
    with opened(store, fingerprint) as journal:
        for key, found in journal.vectors.items():
            expected = vectors(key[0])
            assert np.array_equal(expected.passage, found.passage)
            assert np.array_equal(expected.sentences, found.sentences)
        return list(journal.vectors)


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    """To the bit, with none, one or more sentences, however often it is opened."""
    write(tmp_path, 3)
    assert [digest(0), digest(1), digest(2)] == read(tmp_path) == read(tmp_path)


def test_each_record_is_on_disk_at_once(tmp_path: Path) -> None:
    """It must be there when the process is killed in the next moment."""
    write(tmp_path, 1)
    with opened(tmp_path) as journal:
        journal.add(digest(1), vectors(1))
        at_once = (tmp_path / FILE_NAME).read_bytes()
    assert at_once == (tmp_path / FILE_NAME).read_bytes()


def test_opening_takes_nothing_away(tmp_path: Path) -> None:
    """A process that is killed while it opens the journal must not cost what is in it."""
    path = write(tmp_path, 3)
    before = (path.read_bytes(), path.stat().st_ino)
    opened(tmp_path).close()
    assert before == (path.read_bytes(), path.stat().st_ino)


def test_half_a_record_at_the_end_is_cut_off(tmp_path: Path) -> None:
    """Wherever it was cut; what is added then can be read."""
    whole = write(tmp_path, 3).read_bytes()
    for length in range(len(whole)):
        (tmp_path / FILE_NAME).write_bytes(whole[:length])
        with opened(tmp_path) as journal:
            kept = list(journal.vectors)
            journal.add(digest(9), vectors(9))
        assert [digest(number) for number in range(len(kept))] == kept
        assert [*kept, digest(9)] == read(tmp_path)


@pytest.mark.parametrize("garbage", [b"\xff" * 100, b"\x00" * 5000, b"askpod-journal-2 embedder\n", b"x"])
def test_nothing_is_appended_behind_garbage(tmp_path: Path, garbage: bytes) -> None:
    """What was before it is kept, it and what is behind it go; its lengths allocate nothing."""
    path = write(tmp_path, 2)
    path.write_bytes(path.read_bytes() + garbage)
    with opened(tmp_path) as journal:
        assert [digest(0), digest(1)] == list(journal.vectors)
        journal.add(digest(2), vectors(2))
    assert [digest(0), digest(1), digest(2)] == read(tmp_path)
    assert garbage not in path.read_bytes()[40:]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 5000, b"askpod-journal-1 embedder\n" + b"\x01" * 300])
def test_a_file_that_is_no_journal_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    """Empty, foreign, or of an older version."""
    (tmp_path / FILE_NAME).write_bytes(content)
    assert [] == read(tmp_path)
    write(tmp_path, 1)
    assert [digest(0)] == read(tmp_path)


def test_vectors_of_another_embedder_are_not_used(tmp_path: Path) -> None:
    """They are dropped: the store is being built with another."""
    write(tmp_path, 2)
    assert [] == read(tmp_path, "embedder-2")
    assert [] == read(tmp_path, "embedder")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_changed_bytes_never_become_vectors(tmp_path: Path, data: st.DataObject) -> None:
    """Whichever byte is altered, only whole records before it are read, as they were written."""
    content = bytearray(write_fresh(tmp_path, 3))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / FILE_NAME).write_bytes(content)
    kept = read(tmp_path)
    assert [digest(number) for number in range(len(kept))] == kept
    assert len(kept) < 3


def write_fresh(store: Path, count: int) -> bytes:
    (store / FILE_NAME).unlink(missing_ok=True)
    return write(store, count).read_bytes()
