"""The vector indexes: the exact one and the graph."""

import threading
from pathlib import Path

import numpy as np
import pytest

from agent.store.question_vectors import read_question_vectors, write_question_vectors
from agent.store.sentence_vectors import SentenceVectors, write_sentence_vectors
from agent.store.vectors import EXACT_LIMIT, IndexType, VectorIndex, Vectors, index_type_for, write_vectors

COUNT, DIMENSION = 2000, 64
TYPES: tuple[IndexType, ...] = ("flat", "hnsw")


def random_vectors(count: int, seed: int) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS = random_vectors(COUNT, seed=1)
QUERIES = random_vectors(50, seed=2)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[IndexType, VectorIndex]:
    folder = tmp_path_factory.mktemp("indexes")
    for index_type in TYPES:
        write_vectors(folder / index_type, VECTORS, index_type)
    return {index_type: VectorIndex(folder / index_type) for index_type in TYPES}


def exact(query: Vectors, k: int, among: list[int] | None = None) -> list[int]:
    ids = np.arange(COUNT) if among is None else np.asarray(among)
    return [int(number) for number in ids[np.argsort(-(VECTORS[ids] @ query), kind="stable")][:k]]


@pytest.mark.parametrize("index_type", TYPES)
def test_an_index_knows_what_it_is(indexes: dict[IndexType, VectorIndex], index_type: IndexType) -> None:
    """Its type, size and dimension are read from the file."""
    index = indexes[index_type]
    assert (index_type, COUNT, DIMENSION) == (index.type, len(index), index.dimension)


@pytest.mark.parametrize("index_type", TYPES)
def test_vectors_come_back_as_they_were_added(indexes: dict[IndexType, VectorIndex], index_type: IndexType) -> None:
    """To the bit, in the order asked for: an incremental build takes them from here."""
    assert np.array_equal(VECTORS[[7, 1999, 0, 7]], indexes[index_type].get([7, 1999, 0, 7]))


def test_the_flat_index_is_exact(indexes: dict[IndexType, VectorIndex]) -> None:
    """Best first, with the cosines."""
    for query in QUERIES:
        found = indexes["flat"].search(query, 10)
        assert exact(query, 10) == [number for number, _ in found]
        assert np.allclose(VECTORS[[number for number, _ in found]] @ query, [score for _, score in found], atol=1e-5)


def test_the_graph_finds_nearly_all_of_the_best_ten(indexes: dict[IndexType, VectorIndex]) -> None:
    """Recall@10 of at least 0.9."""
    hits = sum(len({n for n, _ in indexes["hnsw"].search(query, 10)} & set(exact(query, 10))) for query in QUERIES)
    assert hits >= 0.9 * 10 * len(QUERIES)


@pytest.mark.parametrize("index_type", TYPES)
@pytest.mark.parametrize("share", [1, 5, 300])
def test_a_search_among_some_is_exact(indexes: dict[IndexType, VectorIndex], index_type: IndexType, share: int) -> None:
    """However few they are, none is missed and no other is found."""
    among = list(range(3, COUNT, COUNT // share))
    for query in QUERIES[:10]:
        found = [number for number, _ in indexes[index_type].search(query, 10, among)]
        assert exact(query, 10, among) == found


@pytest.mark.parametrize("index_type", TYPES)
def test_no_more_is_found_than_there_is(tmp_path: Path, index_type: IndexType) -> None:
    """k beyond the number of vectors, or of those to search among."""
    write_vectors(tmp_path / "small", VECTORS[:3], index_type)
    index = VectorIndex(tmp_path / "small")
    assert {0, 1, 2} == {number for number, _ in index.search(QUERIES[0], 50)}
    assert [1] == [number for number, _ in index.search(QUERIES[0], 50, [1])]


@pytest.mark.parametrize("index_type", TYPES)
def test_threads_search_at_once(indexes: dict[IndexType, VectorIndex], index_type: IndexType) -> None:
    """Each finds what it finds alone."""
    index = indexes[index_type]
    expected = [index.search(query, 10) for query in QUERIES]
    actual: list[object] = [None] * 4

    def search(place: int) -> None:
        actual[place] = [index.search(query, 10) for query in QUERIES]

    threads = [threading.Thread(target=search, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [expected] * 4 == actual


@pytest.mark.parametrize("index_type", TYPES)
def test_one_set_of_vectors_makes_one_file(tmp_path: Path, index_type: IndexType) -> None:
    """Also the graph, whose construction is parallel."""
    for name in ("one", "two"):
        write_vectors(tmp_path / name, VECTORS, index_type)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_number_of_chunks_decides_the_type() -> None:
    """Exact up to the limit."""
    assert ["flat", "flat", "hnsw"] == [index_type_for(count) for count in (1, EXACT_LIMIT, EXACT_LIMIT + 1)]


def test_an_index_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    """As of any other file of a store."""
    with pytest.raises(OSError, match="no space"):
        write_vectors(tmp_path / "none" / "index", VECTORS[:3], "flat")


def test_sentence_vectors_come_back_in_half_precision(tmp_path: Path) -> None:
    """Within 1e-3, and unchanged when they are written again: an incremental build must not wear them down."""
    path = tmp_path / "sentences.npy"
    write_sentence_vectors(path, [VECTORS[:5], VECTORS[5:5], VECTORS[5:20]], 20, DIMENSION)
    once = SentenceVectors(path)
    assert 20 == len(once)
    assert np.allclose(VECTORS[[19, 2]], once.get([19, 2]), atol=1e-3)
    write_sentence_vectors(tmp_path / "again.npy", [once.get(range(20))], 20, DIMENSION)
    assert path.read_bytes() == (tmp_path / "again.npy").read_bytes()


def test_question_vectors_are_those_of_just_these_questions(tmp_path: Path) -> None:
    """One word more, less or elsewhere, and there are none."""
    questions = ("one", "two", "three")
    write_question_vectors(tmp_path, questions, VECTORS[:3])
    read = read_question_vectors(tmp_path, questions)
    assert read is not None
    assert np.array_equal(VECTORS[:3], read)
    for others in (("one", "two"), ("one", "two", "three!"), ("two", "one", "three"), ()):
        assert read_question_vectors(tmp_path, others) is None
