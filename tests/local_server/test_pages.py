"""Page and headings of what was found, from a folder of PDF, Word, web pages and tables to the JSON of an answer."""

import shutil
from collections.abc import Callable, Iterator

import httpx
import pytest

from agent.engine.no_engine import NoEngine
from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.loading import Loaded, assemble
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.runtime import Runtime
from agent.settings import Settings
from agent.store.store import Store
from tests.fakes.documents import FACTS, Fact, make_mixed_folder
from tests.fakes.loading import SIZES
from tests.local_server.serving import serving


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that quotes from the mixed folder, whatever it thinks of its confidence."""
    home = tmp_path_factory.mktemp("mixed")
    (home / "docs").mkdir()
    make_mixed_folder(home / "docs")
    sync(home / "store", find_files([str(home / "docs")]), HashingEmbedder(), SIZES)
    settings = Settings(rag_store=home / "store", port=0, auth_disabled=True, min_relevance=0.0, min_confidence=0.0)

    def load(settings: Settings, _phase: Callable[[str, float], None]) -> Loaded:
        return assemble(NoEngine(), Store(settings.rag_store), HashingEmbedder(), settings)

    with serving(Runtime(settings, load)) as client:
        yield client
    shutil.rmtree(home)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.question)
def test_a_citation_names_the_page_of_its_quote(mixed: httpx.Client, fact: Fact) -> None:
    """Where the format has pages; null where it has none."""
    body = {"question": fact.question, "filters": {"source": fact.file}}
    citation = mixed.post("/v1/ask", json=body).json()["citations"][0]
    assert (fact.file, fact.page) == (citation["source"], citation["page"])
    assert citation["title"]
    if fact.page is not None:
        assert fact.sentence in citation["quote"]
