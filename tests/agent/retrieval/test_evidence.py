"""Which sentence speaks to the question."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.retrieval.evidence import Evidence, EvidenceRanker
from agent.retrieval.finding import Finder, Finding
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.query import make_queries
from agent.retrieval.retriever import Retriever
from agent.schemas import Language
from agent.store.store import Store
from tests.fakes.loading import build_small_store

EMBEDDER = HashingEmbedder()
DOCUMENTS = {
    "server.md": "# The server\n\nEvery request carries a key. The HTTP server listens on port 8000 by default. "
    "A slow client is cut off after ten seconds.\n",
    "bridge.md": "# The bridge\n\nThe Lantern bridge crosses the river Odra. It was painted green in 1931. "
    "A boat passes every hour below.\n",
    "tower.md": "# The tower\n\nThe old tower stands on the hill above town. It was painted white in 1950. "
    "A boat passes every hour below.\n",
    "code.md": "# Cache\n\nThe cache is cleared by the command flush now.\n\n```\ncache cleared command flush now\n"
    "```\n\n| cache | cleared | command | flush | now |\n",
    "es/puerto.md": "# El puerto\n\nEl puerto de Cádiz cierra a medianoche. Nadie entra después de esa hora.\n",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(build_small_store(tmp_path_factory.mktemp("evidence"), DOCUMENTS))
    yield store
    store.close()


def find(store: Store, question: str, language: Language = "en", top_k: int = 4, **filters: str) -> Finding:
    finder = Finder(store, Retriever(store, 0.8))
    return finder.find(make_queries([question], language, EMBEDDER), top_k, filters)


def place(evidence: tuple[Evidence, ...], beginning: str) -> int:
    """Where the sentence that begins so is ranked."""
    return next(at for at, item in enumerate(evidence) if item.sentence.text.startswith(beginning))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which port does the HTTP server listen on?", "The HTTP server listens on port 8000 by default."),
        ("When is a slow client cut off?", "A slow client is cut off after ten seconds."),
        ("Which river does the Lantern bridge cross?", "The Lantern bridge crosses the river Odra."),
    ],
)
def test_the_sentence_that_answers_comes_first(store: Store, question: str, expected: str) -> None:
    """Before its neighbours, and before all sentences of other passages."""
    evidence = find(store, question).evidence
    assert expected == evidence[0].sentence.text
    scores = [item.score for item in evidence]
    assert sorted(scores, reverse=True) == scores


def test_each_sentence_is_ranked_once_as_the_document_has_it(store: Store) -> None:
    """Every sentence of the passages, wherever overlapping chunks hold it twice."""
    finding = find(store, "Which port does the HTTP server listen on?")
    places = [(item.passage.chunk.source, item.sentence.start) for item in finding.evidence]
    assert len(set(places)) == len(places)
    expected = {(p.chunk.source, s.start) for p in finding.passages for s in p.chunk.sentences}
    assert expected == set(places)
    for item in finding.evidence:
        text = store.chunks.text_of(item.passage.chunk.source)
        assert text is not None
        assert text[item.sentence.start : item.sentence.end] == item.sentence.text


def test_a_sentence_is_a_better_answer_than_code_or_a_row(store: Store) -> None:
    """Of the same words."""
    evidence = find(store, "Which command is the cache cleared by?", source="code.md").evidence
    assert ["prose", "row", "code"] == [item.sentence.kind for item in evidence]


def test_a_pronoun_is_helped_by_the_sentence_before_it(store: Store) -> None:
    """ "It was painted" answers for what the sentence before it names, and not for another."""
    for name, colour, other in (("Lantern bridge", "green", "white"), ("old tower", "white", "green")):
        evidence = find(store, f"When was the {name} painted?").evidence
        texts = [item.sentence.text for item in evidence]
        painted = [text for text in texts if "painted" in text]
        assert colour in painted[0]
        assert other in painted[1]
        assert place(evidence, "It was painted " + colour) < place(evidence, "A boat passes")


def test_overlapping_chunks_do_not_rank_a_sentence_twice(tmp_path: Path) -> None:
    """A long section is cut into chunks that share sentences."""
    text = " ".join(f"Barrel {number} lies in row {number * 7}." for number in range(40))
    store = Store(build_small_store(tmp_path, {"long.md": f"# Barrels\n\n{text}\n"}))
    finding = find(store, "Where does barrel 17 lie?", top_k=20)
    assert sum(len(passage.chunk.sentences) for passage in finding.passages) > len(finding.evidence)
    assert sorted({item.sentence.start for item in finding.evidence}) == sorted(
        item.sentence.start for item in finding.evidence
    )
    store.close()


def test_signals_say_how_much_was_found(store: Store) -> None:
    """All of it for a question in the documents' words, none of the words for another; each between 0 and 1."""
    found = find(store, "Which port does the HTTP server listen on?").signals
    nothing = find(store, "Wozu braucht man Quarkteilchen?").signals
    assert found is not None
    assert nothing is not None
    assert (1.0, 0.0) == (found.sentence_coverage, nothing.sentence_coverage)
    assert (1.0, 0.0) == (found.coverage, nothing.coverage)
    assert 0.0 == nothing.bm25 < found.bm25 <= 1.0
    assert (0.0, 0.0) == (found.foreign, nothing.foreign)
    assert nothing.dense < found.dense


def test_a_sentence_in_another_language_is_marked_as_foreign(store: Store) -> None:
    """The calibration judges it by other weights."""
    finding = find(store, "When does the Cádiz puerto close?", source="es/puerto.md")
    assert finding.signals is not None
    assert 1.0 == finding.signals.foreign
    assert finding.signals == finding.signals_for(finding.evidence[0])


def test_nothing_found_has_no_signals(store: Store) -> None:
    """Where a filter leaves no document."""
    finding = find(store, "port", source="none.md")
    assert ((), (), None, None) == (finding.passages, finding.evidence, finding.ranking, finding.signals)
    assert [] == EvidenceRanker(store).rank(finding.query, [])
