"""Where things stand: every offset of a store holds, for documents of every format."""

from pathlib import Path

import pytest

from agent.ingest.formats.readers import SUFFIXES
from agent.ingest.loaders import find_files, load
from agent.ingest.sync import sync
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.store import Store
from tests.fakes.documents import FACTS, Fact, make_mixed_folder
from tests.fakes.loading import SIZES

FRONT_MATTER = "---\ntitle: Código\ntags: [a, b]\nsecret: Not a sentence of the document.\n---\n"
BODY = "# Uno\r\n\r\nLa señal 🍷 es roja. Dos  espacios.\r\n- Ítem uno.\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store]:
    folder = tmp_path_factory.mktemp("mixed")
    make_mixed_folder(folder / "docs")
    (folder / "docs" / "front.md").write_bytes((FRONT_MATTER + BODY).encode())
    sync(folder / "store", find_files([str(folder / "docs")]), HashingEmbedder(), SIZES)
    return folder / "docs", Store(folder / "store")


def test_every_chunk_and_sentence_is_where_it_says(mixed: tuple[Path, Store]) -> None:
    """`document[start:end]` is the text, for chunks and for their sentences, in every format there is."""
    _, store = mixed
    formats = set()
    for chunk in store.chunks.get(range(store.manifest.chunks)):
        text = store.chunks.text_of(chunk.source)
        assert text is not None
        assert text[chunk.start : chunk.end] == chunk.text
        for sentence in chunk.sentences:
            assert text[sentence.start : sentence.end] == sentence.text != ""
            assert chunk.start <= sentence.start < sentence.end <= chunk.end
        formats.add(f".{chunk.source.rsplit('.', 1)[-1]}")
    assert SUFFIXES - {".markdown", ".htm", ".ndjson"} == formats


def test_the_stored_text_is_what_was_read(mixed: tuple[Path, Store]) -> None:
    """And for Markdown and plain text it is the file itself, so that offsets are valid in it."""
    docs, store = mixed
    for file in find_files([str(docs)]):
        if (text := store.chunks.text_of(file.source)) is not None:
            assert load(file).text == text
            if file.path.suffix in (".md", ".txt"):
                assert file.path.read_bytes().decode() == text


def test_a_front_matter_is_never_a_chunk(mixed: tuple[Path, Store]) -> None:
    """It is part of the text, so that offsets are valid in the file, and of nothing that is found."""
    _, store = mixed
    chunks = store.chunks.get(store.chunks.matching({"source": "front.md"}))
    assert chunks
    assert all(chunk.start >= len(FRONT_MATTER) for chunk in chunks)
    assert "secret" in store.chunks.fields
    assert ["La señal 🍷 es roja.", "Dos  espacios.", "Ítem uno.", "| a | b |", "| 1 | 2 |"] == [
        sentence.text for chunk in chunks for sentence in chunk.sentences
    ]
    assert not store.lexical.knows("secret")


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.sentence[:30])
def test_a_fact_is_a_sentence_on_its_page(mixed: tuple[Path, Store], fact: Fact) -> None:
    """Each of the folder's facts is one sentence of its file, with the page it is printed on."""
    _, store = mixed
    chunks = store.chunks.get(store.chunks.matching({"source": fact.file}))
    pages = {sentence.page for chunk in chunks for sentence in chunk.sentences if sentence.text == fact.sentence}
    assert {fact.page} == pages


def test_only_pdfs_have_pages(mixed: tuple[Path, Store]) -> None:
    """And every sentence of one is on a page."""
    _, store = mixed
    for chunk in store.chunks.get(range(store.manifest.chunks)):
        assert {chunk.source.endswith(".pdf")} == {sentence.page is not None for sentence in chunk.sentences}
