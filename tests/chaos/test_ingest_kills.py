"""kill -9 of an ingestion, at every step of it and at random moments; and a store that is replaced without a pause."""

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.manifest import Manifest, read_manifest
from agent.store.store import Store
from tests.agent.ingest.running import SMALL_CHUNKS, embedded, hashing_command, write_long_document
from tests.conftest import ROOT, environment
from tests.fakes.asking import ask, load_extractive
from tests.fakes.loading import write_documents

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

QUESTION = "Which colour is the gateway painted?"
COLOURS = ("crimson", "turquoise")
KILLS = 30


def ingest(docs: Path, store: Path) -> Manifest:
    manifest = sync(store, find_files([str(docs)]), HashingEmbedder(), ChunkSizes(*SMALL_CHUNKS.values())).manifest
    assert manifest is not None
    return manifest


def paint(docs: Path, colour: str) -> Path:
    """Documents of a colour; nearly all of their chunks are others than those of another colour."""
    write_documents(docs, {"gateway.md": f"# Gateway\n\nThe gateway is painted {colour}.\n"})
    path = write_long_document(docs / "long.md", sentences=60)
    path.write_text(path.read_text().replace("Barrel", f"The {colour} barrel"))
    return docs


def check_answers(store: Path, allowed: dict[str, str]) -> str:
    """The store opens, is whole, and answers with the colour of its version; returns the index id."""
    loaded = load_extractive(store, HashingEmbedder())
    answer = ask(loaded, QUESTION)
    loaded.close()
    assert answer.index in allowed
    assert [f"The gateway is painted {allowed[answer.index]}."] == [citation.quote for citation in answer.citations]
    return answer.index


def check_tidy(store: Path) -> None:
    assert {".lock", "builds", "manifest.json"} == {path.name for path in store.iterdir()}
    assert [read_manifest(store).build] == [path.name for path in (store / "builds").iterdir()]


def test_killed_at_every_step_the_store_answers(tmp_path: Path) -> None:
    """Before each chunk is embedded and before each change of a file; then the next run ends as one from scratch."""
    store, docs = tmp_path / "store", tmp_path / "docs"
    ids = {ingest(paint(docs, colour), tmp_path / colour).index_id: colour for colour in COLOURS}
    ingest(paint(docs, COLOURS[0]), store)
    old = read_manifest(store).index_id
    for step in itertools.count(1):
        paint(docs, COLOURS[1])
        finished = hashing_command(docs, "--store", store, die_at=f"any:{step}", **SMALL_CHUNKS)
        current = check_answers(store, ids)
        if finished.returncode == 0:
            break
        assert -signal.SIGKILL == finished.returncode
        if current == old:
            # Whatever is left behind must also do no harm to a run that has nothing to do with it.
            ingest(paint(docs, COLOURS[0]), store)
            assert old == check_answers(store, ids)
            check_tidy(store)
        else:
            ingest(docs, store)
            check_tidy(store)
            ingest(paint(docs, COLOURS[0]), store)
    assert step > 40
    check_tidy(store)


def test_killed_at_random_moments_the_store_answers(tmp_path: Path) -> None:
    """Thirty times, and no run embeds again what the journal of those before it has."""
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    moments = random.Random(seed)  # noqa: S311 - moments, not keys
    store, docs = tmp_path / "store", tmp_path / "docs"
    ids = {ingest(paint(docs, colour), tmp_path / colour).index_id: colour for colour in COLOURS}
    ingest(paint(docs, COLOURS[0]), store)
    duration = _duration(tmp_path, docs)
    for number in range(KILLS):
        paint(docs, COLOURS[(number + 1) % 2])
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.ingest", str(docs), "--store", str(store)],
            cwd=ROOT,
            env=environment(announce=1, **SMALL_CHUNKS),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        with process:
            assert process.stdout is not None
            assert "begun\n" == process.stdout.readline()
            time.sleep(moments.uniform(0, duration))
            os.killpg(process.pid, signal.SIGKILL)
        check_answers(store, ids)
    finished = hashing_command(docs, "--store", store, **SMALL_CHUNKS)
    assert 0 == finished.returncode, finished.stderr
    assert COLOURS[KILLS % 2] == ids[check_answers(store, ids)]
    check_tidy(store)


def test_a_run_that_is_killed_again_and_again_ends(tmp_path: Path) -> None:
    """Each goes on from where the one before it was killed, so nothing is embedded twice."""
    store, docs = tmp_path / "store", tmp_path / "docs"
    chunks = ingest(paint(docs, COLOURS[0]), tmp_path / "fresh").chunks
    step, kills = 7, 0
    while (finished := hashing_command(docs, "--store", store, die_at=f"embed:{step}", **SMALL_CHUNKS)).returncode:
        assert -signal.SIGKILL == finished.returncode
        kills += 1
    assert (chunks - 1) // (step - 1) == kills
    assert chunks - kills * (step - 1) == embedded(finished)
    assert read_manifest(tmp_path / "fresh").index_id == Store(store).manifest.index_id


def _duration(tmp_path: Path, docs: Path) -> float:
    """Seconds of a whole ingestion, from where it says that it has begun."""
    command = [sys.executable, "-m", "tests.fakes.ingest", str(docs), "--store", str(tmp_path / "timed")]
    env = environment(announce=1, **SMALL_CHUNKS)
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        started = time.monotonic()
        assert re.search("embedded now", process.stderr.read())
        return time.monotonic() - started
