"""Finding passages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.errors import UnknownFilter
from agent.retrieval.fusion import Scores
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.query import Query, make_queries
from agent.retrieval.retriever import MIN_COVERAGE, Retrieval, Retriever
from agent.schemas import Language
from agent.store.store import Store
from tests.fakes.loading import build_small_store

EMBEDDER = HashingEmbedder()
DOCUMENTS = {
    "server.md": "---\nteam: core\ntags: [net, http]\n---\n# The server\n\nThe HTTP server listens on port 8000.\n",
    "gateway.md": "---\nteam: core\ntags: net\n---\n# The gateway\n\nThe gateway forwards every HTTP request.\n",
    "adapters.md": "---\nteam: models\n---\n# Adapters\n\nA LoRA adapter is a small set of weights.\n",
    "es/servidor.md": "# El servidor\n\nEl servidor HTTP escucha en el puerto 8000. Nadie más lo usa en esta casa.\n",
    "whales.md": "# Whales\n\nThe blue whale eats krill. It is the largest animal.\n",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(build_small_store(tmp_path_factory.mktemp("retriever"), DOCUMENTS))


def queries(*texts: str, language: Language = "en") -> list[Query]:
    return make_queries(texts, language, EMBEDDER)


def retrieve(
    store: Store,
    *texts: str,
    top_k: int = 3,
    language: Language = "en",
    weight: float = 0.7,
    filters: dict[str, str] | None = None,
) -> Retrieval:
    return Retriever(store, weight).retrieve(queries(*texts, language=language), top_k, filters or {})


def sources(found: Retrieval) -> list[str]:
    return [passage.chunk.source for passage in found.passages]


@pytest.mark.parametrize("weight", [0.0, 0.7, 1.0])
def test_a_question_finds_the_passage_that_shares_its_words(store: Store, weight: float) -> None:
    """By words, by vectors, and by both."""
    found = retrieve(store, "Which port does the HTTP server listen on?", weight=weight)
    assert ("server.md", "The server") == (found.passages[0].chunk.source, found.passages[0].chunk.heading)


def test_passages_come_best_first_with_their_scores(store: Store) -> None:
    """`fused` falls, and the ranking is that of all candidates."""
    found = retrieve(store, "Which server listens on a port?")
    fused = [passage.fused for passage in found.passages]
    assert sorted(fused, reverse=True) == fused
    assert found.ranking is not None
    assert len(DOCUMENTS) == len(found.ranking.ids)
    assert [passage.chunk.id for passage in found.passages] == found.ranking.ids[:3].tolist()
    assert 1.0 == found.ranking.coverage


def test_the_dense_score_is_half_passage_and_half_best_sentence(store: Store) -> None:
    """So that one sentence that answers is not lost in a passage about more."""
    (query,) = queries("krill")
    ranking = Retriever(store, 0.7).rank(query)
    for number, dense in zip(ranking.ids.tolist(), ranking.dense.tolist(), strict=True):
        passage = store.vectors.get([number])[0] @ query.vector
        sentences = store.sentence_vectors.get(store.sentences_of(number)) @ query.vector
        assert np.isclose((passage + sentences.max()) / 2, dense, atol=1e-5)


def test_no_more_is_found_than_there_is(store: Store) -> None:
    """Each passage once, with top_k beyond the corpus and several queries that find the same."""
    found = retrieve(store, "server", "port", "whale", top_k=20)
    assert sorted(DOCUMENTS) == sorted(sources(found))


def test_words_are_left_out_when_hardly_one_of_the_question_is_known(store: Store) -> None:
    """They are then in another language; embeddings decide alone."""
    known, unknown = "port server", "wxq wxr wxs port"
    assert 0.7 == Retriever(store, 0.7).rank(*queries(known)).dense_weight
    ranking = Retriever(store, 0.7).rank(*queries(unknown))
    assert ranking.coverage < MIN_COVERAGE
    assert 1.0 == ranking.dense_weight
    assert np.all(np.diff(ranking.dense) <= 0)


@pytest.mark.parametrize("text", ["the of and", "¿?", "…", "日本語", "x" * 4000, "port " * 800])
def test_any_question_finds_something_or_nothing_but_never_fails(store: Store, text: str) -> None:
    """Stop words alone, signs alone, another script, and the longest question there may be."""
    found = retrieve(store, text)
    assert 3 == len(found.passages)
    assert found.ranking is not None
    assert all(np.isfinite(column).all() for column in (found.ranking.dense, found.ranking.fused))


def test_a_passage_is_found_by_the_query_it_suits_best(store: Store) -> None:
    """A question with two halves finds both; the ranking is that of the last, which stands for the question."""
    found = retrieve(store, "What does the blue whale eat?", "Which port does the HTTP server listen on?", top_k=2)
    assert {"whales.md", "server.md"} == set(sources(found))
    assert found.ranking is not None
    alone = Retriever(store, 0.7).rank(*queries("Which port does the HTTP server listen on?"))
    assert np.array_equal(alone.fused, found.ranking.fused)


def test_a_spanish_question_finds_the_english_passage(store: Store) -> None:
    """It is not buried by Spanish passages that share its stop-gap words."""
    found = retrieve(
        store, "¿Qué hace el gateway con un request HTTP en esta casa?", language="es", top_k=2, weight=0.8
    )
    assert "gateway.md" in sources(found)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"source": "adapters.md"}, {"adapters.md"}),
        ({"language": "es"}, {"es/servidor.md"}),
        ({"team": "core"}, {"server.md", "gateway.md"}),
        ({"tags": "http"}, {"server.md"}),
        ({"tags": "net", "source": "gateway.md"}, {"gateway.md"}),
        ({"tags": "http", "source": "gateway.md"}, set()),
        ({"team": "' OR '1'='1"}, set()),
        ({"title": "Nothing"}, set()),
    ],
)
def test_filters_apply_before_ranking(store: Store, filters: dict[str, str], expected: set[str]) -> None:
    """Only documents with every value are read, however well others match; where there is none, nothing is found."""
    found = retrieve(store, "Which port does the HTTP server listen on?", filters=filters, top_k=5)
    assert expected == set(sources(found))
    assert (found.ranking is None) == (not expected)


def test_filtered_candidates_are_compared_with_each_other(store: Store) -> None:
    """Scores do not depend on documents that the filter keeps out."""
    found = retrieve(store, "HTTP server port", filters={"team": "core"})
    assert found.ranking is not None
    assert np.isclose(0.0, found.ranking.fused.mean())


@pytest.mark.parametrize("field", ["team2", "Source", "id", "documents.id", "source = '' OR 1=1 --", "", "x" * 500])
def test_a_filter_on_an_unknown_field_is_refused(store: Store, field: str) -> None:
    """With the field named, shortened, and nothing of it in SQL."""
    with pytest.raises(UnknownFilter) as caught:
        retrieve(store, "port", filters={"team": "core", field: "core"})
    assert (caught.value.param or "").startswith(f"filters.{field}"[:80])
    assert len(caught.value.message) <= 200


def test_equal_passages_come_in_the_order_of_their_sources(tmp_path: Path) -> None:
    """Every time, and however many share a score: one question has one answer."""
    text = "# Same\n\nThe same sentence stands in every document.\n"
    store = Store(build_small_store(tmp_path, {f"{number:03}.md": text for number in range(70)}))
    for weight in (0.0, 0.7, 1.0):
        found = retrieve(store, "Which sentence is the same?", top_k=20, weight=weight)
        again = retrieve(store, "Which sentence is the same?", top_k=20, weight=weight)
        assert sources(found) == sources(again) == sorted(sources(found))
    store.close()


def test_a_filter_finds_what_is_far_down(tmp_path: Path) -> None:
    """Among hundreds of better matches: the filter comes first, not after the best fifty."""
    documents = {f"{number:03}.md": f"# Port\n\nThe server port {number} is open.\n" for number in range(120)}
    store = Store(build_small_store(tmp_path, {**documents, "odd.md": "# Whales\n\nThe whale eats krill.\n"}))
    found = retrieve(store, "Which server port is open?", filters={"source": "odd.md"})
    assert ["odd.md"] == sources(found)
    store.close()


class LastIsBest:
    """A reranker that likes what contains a word."""

    name = "fake"

    def __init__(self, word: str) -> None:
        self._word = word
        self.seen: list[str] = []

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        self.seen.extend(texts)
        return np.asarray([10.0 if self._word in text else 0.0 for text in texts])


def test_a_reranker_can_put_another_passage_first(store: Store) -> None:
    """It reads the heading and the text of the best candidates; all of them stay in the ranking."""
    reranker = LastIsBest("krill")
    (query,) = queries("Which port does the HTTP server listen on?")
    plain = Retriever(store, 0.7).rank(query)
    ranking = Retriever(store, 0.7, reranker).rank(query)
    assert "The server\nThe HTTP server listens on port 8000." in reranker.seen
    assert set(plain.ids.tolist()) == set(ranking.ids.tolist())
    assert np.all(np.diff(ranking.fused) <= 0)
    places = {number: place for place, number in enumerate(ranking.ids.tolist())}
    (whales,) = store.chunks.matching({"source": "whales.md"})
    assert places[whales] < plain.ids.tolist().index(whales)
