"""A folder that mixes all formats: ingested by the real command with the real embedder, and answered from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.engine.no_engine import NoEngine
from agent.loading import Loaded, assemble
from agent.retrieval.loading import load_embedder
from agent.settings import EMBEDDED_EMBEDDER, Settings
from agent.store.store import Store
from tests.agent.ingest.running import Finished, command
from tests.conftest import ROOT
from tests.fakes.asking import ask
from tests.fakes.documents import FACTS, Fact, make_mixed_folder

SKIPPED = {
    "damaged.docx": "not a DOCX",
    "empty.md": "empty",
    "scans/licence.pdf": "no text",
    "scans/payroll.pdf": "encrypted",
}


@pytest.fixture(scope="module")
def ingested(real_models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """The store, and what the command said."""
    folder = tmp_path_factory.mktemp("mixed")
    make_mixed_folder(folder / "docs")
    (folder / "docs" / "empty.md").write_text("\n")
    (folder / "docs" / "damaged.docx").write_bytes((folder / "docs" / "logistica" / "manual.docx").read_bytes()[:500])
    return folder / "store", command("--strict", folder / "docs", "--store", folder / "store")


@pytest.fixture(scope="module")
def loaded(ingested: tuple[Path, Finished]) -> Iterator[Loaded]:
    """Agents without a language model and without thresholds: what is found is quoted."""
    settings = Settings(
        embedding_model=str(ROOT / EMBEDDED_EMBEDDER), rag_store=ingested[0], min_relevance=0, min_confidence=0
    )
    loaded = assemble(NoEngine(), Store(ingested[0]), load_embedder(settings), settings)
    yield loaded
    loaded.close()


def test_files_that_cannot_be_read_are_named_and_the_rest_is_ingested(ingested: tuple[Path, Finished]) -> None:
    """On standard error with the reason; status 2 only because of --strict."""
    store, finished = ingested
    said = [line.removeprefix("skipped ") for line in finished.stderr.splitlines() if line.startswith("skipped ")]
    assert list(SKIPPED) == [line.split(": ")[0] for line in said]
    assert all(reason in line for line, reason in zip(said, SKIPPED.values(), strict=True))
    assert "Documents: 9 added, 0 changed, 0 removed, 0 unchanged, 4 skipped." in finished.stderr
    assert (2, "") == (finished.returncode, finished.stdout)
    manifest = Store(store).manifest
    assert ({fact.file for fact in FACTS}, Path(EMBEDDED_EMBEDDER).name) == (set(manifest.sources), manifest.embedder)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.question)
def test_a_fact_is_quoted_from_its_file_and_page(loaded: Loaded, ingested: tuple[Path, Finished], fact: Fact) -> None:
    """In whichever format it stands; the quote is in the document, byte for byte, where the citation says."""
    answer = ask(loaded, fact.question, mode="extractive")
    citation = next(one for one in answer.citations if fact.sentence in one.quote)
    assert (fact.file, fact.page) == (citation.source, citation.page)
    store = Store(ingested[0])
    text = store.chunks.text_of(citation.source)
    store.close()
    assert text is not None
    assert text[citation.start : citation.end] == citation.quote
