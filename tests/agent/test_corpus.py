"""A store that is replaced while questions are asked."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.corpus import CHECK_EVERY_S
from agent.engine.no_engine import NoEngine
from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.load_errors import StoreMismatch
from agent.loading import Loaded, assemble, load
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.query import make_queries
from agent.schemas import Answer
from agent.settings import EMBEDDED_EMBEDDER, NO_MODEL, Settings
from agent.store.manifest import read_manifest
from agent.store.store import Store
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.fakes.alternating import QUESTION, painted
from tests.fakes.asking import ask, load_extractive
from tests.fakes.loading import SIZES, build_small_store, write_documents

COLOURS = ("crimson", "turquoise")
# Between questions of a test that waits for the service to look for another store, which it does once a second.
PAUSE_S = 0.05


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return build_small_store(tmp_path, painted("crimson"))


@pytest.fixture
def loaded(store: Path) -> Iterator[Loaded]:
    loaded = load_extractive(store, HashingEmbedder())
    yield loaded
    loaded.close()


def ingest(store: Path, colour: str, embedder: HashingEmbedder | None = None) -> str:
    """Replace the store; returns its index id."""
    docs = write_documents(store.parent / "docs", painted(colour))
    manifest = sync(store, find_files([str(docs)]), embedder or HashingEmbedder(), SIZES).manifest
    assert manifest is not None
    return manifest.index_id


def colours(answer: Answer) -> list[str]:
    """The colour in each quote."""
    return [citation.quote.rstrip(".").rsplit(" ", 1)[-1] for citation in answer.citations]


def ask_until(loaded: Loaded, wanted: Callable[[Answer], bool], timeout_s: float = 20.0) -> Answer:
    """Ask until an answer is as wanted."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if wanted(answer := ask(loaded, QUESTION)):
            return answer
        time.sleep(PAUSE_S)
    raise AssertionError("no such answer came")


def ask_for(loaded: Loaded, seconds: float) -> list[Answer]:
    """What is answered for a while, in which the service looks for another store at least once."""
    end = time.monotonic() + seconds
    answers = []
    while time.monotonic() < end:
        answers.append(ask(loaded, QUESTION))
        time.sleep(PAUSE_S)
    return answers


def open_files(store: Path) -> list[str]:
    """The files of the store that this process has open or mapped."""
    gc.collect()
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:  # the folder's own descriptor
            continue
    mapped = {line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    return sorted(path for path in (*found, *mapped) if str(store) in path)


@contextmanager
def ingesting(store: Path) -> Iterator[Callable[[str], str]]:
    """Another process that replaces the store with documents of a colour and says the index id."""
    process = forkserver.Popen(
        [sys.executable, "-m", "tests.fakes.alternating", str(store.parent / "docs"), str(store)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, replies = process.stdin, process.stdout

    def replace(colour: str) -> str:
        requests.write(f"{colour}\n")
        requests.flush()
        return replies.readline().strip()

    with process:
        yield replace
        requests.close()
        assert 0 == process.wait(timeout=120)


class Asking:
    """Threads that ask without a pause; what they were answered and what went wrong."""

    def __init__(self, loaded: Loaded, threads: int) -> None:
        self.answers: list[Answer] = []
        self.failures: list[Exception] = []
        self._loaded = loaded
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()

    def wait_for(self, wanted: Callable[[list[Answer]], bool]) -> None:
        """Until the answers are as wanted, or one has failed."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.failures) or wanted(self.answers), timeout=120)

    def _ask(self) -> None:
        while not self._ended and not self.failures:
            try:
                answer = ask(self._loaded, QUESTION)
            except Exception as error:
                with self._changed:
                    self.failures.append(error)
                    self._changed.notify_all()
                return
            with self._changed:
                self.answers.append(answer)
                self._changed.notify_all()


def test_answers_come_from_the_old_store_or_the_new_one(store: Path, loaded: Loaded) -> None:
    """Never from both and never from none, while another process replaces it ten times; old ones are closed."""
    colour_of = {read_manifest(store).index_id: "crimson"}
    assert ["crimson", "crimson"] == colours(ask(loaded, QUESTION))
    before = open_files(store)
    with ingesting(store) as replace, Asking(loaded, threads=3) as asking:
        for number in range(10):
            colour = COLOURS[(number + 1) % 2]
            index = replace(colour)
            colour_of[index] = colour
            answered = len(asking.answers)
            if number % 3 == 0:
                asking.wait_for(lambda answers, index=index: answers[-1].index == index)  # type: ignore[misc]
            else:
                asking.wait_for(lambda answers, answered=answered: len(answers) > answered + 5)  # type: ignore[misc]
    assert [] == asking.failures
    assert 2 == len(colour_of)
    assert set(colour_of) == {answer.index for answer in asking.answers}
    for answer in asking.answers:
        assert [colour_of[answer.index or ""]] * 2 == colours(answer)
    ask_until(loaded, lambda answer: answer.index == read_manifest(store).index_id)
    after = open_files(store)
    assert [] == [path for path in after if path.endswith("(deleted)")]
    assert len(before) == len(after)


def test_who_asks_after_an_ingestion_is_answered_from_it(store: Path, loaded: Loaded) -> None:
    """With the first question, as long as the last look for a new store was a second ago."""
    assert ["crimson"] * 2 == colours(ask(loaded, QUESTION))
    ingest(store, "turquoise")
    time.sleep(CHECK_EVERY_S)
    assert ["turquoise"] * 2 == colours(ask(loaded, QUESTION))


def test_a_question_keeps_the_corpus_it_began_with(store: Path, loaded: Loaded) -> None:
    """To its end, even when the store has been replaced and deleted meanwhile."""
    with loaded.corpora.lease() as old:
        new = ingest(store, "turquoise")
        ask_until(loaded, lambda answer: answer.index == new)
        finding = old.finder.find(make_queries(["How is the alpha gateway painted?"], "en", HashingEmbedder()), 4, {})
        assert "The alpha gateway is painted crimson." == finding.evidence[0].sentence.text
        assert [] != [path for path in open_files(store) if path.endswith("(deleted)")]
    del old, finding
    assert [] == [path for path in open_files(store) if path.endswith("(deleted)")]


def test_a_store_of_another_embedder_is_refused(store: Path, loaded: Loaded) -> None:
    """The old one goes on answering until one comes that fits."""
    old = read_manifest(store).index_id
    ingest(store, "turquoise", HashingEmbedder(128))
    assert {old} == {answer.index for answer in ask_for(loaded, 2.5)}
    new = ingest(store, "turquoise")
    assert ["turquoise"] * 2 == colours(ask_until(loaded, lambda answer: answer.index == new))


def test_a_service_does_not_start_with_a_store_of_another_embedder(store: Path, real_models: Path) -> None:
    """It would answer from vectors that mean nothing to its model."""
    model = real_models / Path(EMBEDDED_EMBEDDER).name
    with pytest.raises(StoreMismatch, match="another embedding model"):
        load(Settings(rag_store=store, base_model=NO_MODEL, embedding_model=str(model)), lambda _phase, _ms: None)


def break_the_manifest(store: Path) -> None:
    (store / "manifest.json").write_text("{")


def claim_another_version(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))


def remove_the_manifest(store: Path) -> None:
    (store / "manifest.json").unlink()


def alter_a_file(store: Path) -> None:
    ingest(store, "turquoise")
    (path,) = store.rglob("index.faiss")
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("damage", [break_the_manifest, claim_another_version, remove_the_manifest, alter_a_file])
def test_a_broken_new_store_is_refused(store: Path, loaded: Loaded, damage: Callable[[Path], None]) -> None:
    """The old one goes on answering, and the next good one is taken."""
    old = read_manifest(store).index_id
    damage(store)
    assert {old} == {answer.index for answer in ask_for(loaded, 1.5)}
    new = ingest(store, "turquoise")
    assert ["turquoise"] * 2 == colours(ask_until(loaded, lambda answer: answer.index == new))


def test_a_store_replaced_while_the_models_were_loading_is_found(store: Path) -> None:
    """Between opening the store and the first question lie seconds."""
    opened = Store(store)
    new = ingest(store, "turquoise")
    loaded = assemble(NoEngine(), opened, HashingEmbedder(), Settings(rag_store=store))
    ask_until(loaded, lambda answer: answer.index == new, timeout_s=4)
    loaded.close()


def test_a_store_that_did_not_change_is_not_opened_again(store: Path, loaded: Loaded) -> None:
    """However long it is asked."""
    with loaded.corpora.lease() as before:
        pass
    ask_for(loaded, 2.5)
    with loaded.corpora.lease() as after:
        assert before is after


def test_closing_under_a_question_in_flight_is_no_error_of_its_own(store: Path) -> None:
    """The question ends with whatever stopped it."""
    loaded = load_extractive(store, HashingEmbedder())
    with loaded.corpora.lease():
        loaded.close()
