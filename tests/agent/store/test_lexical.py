"""The BM25 index."""

from pathlib import Path

import numpy as np
import pytest

from agent.store.lexical import LexicalIndex, write_lexical


@pytest.fixture
def index(tmp_path: Path) -> LexicalIndex:
    write_lexical(tmp_path / "bm25", [["oak", "barrel"], ["oak"], [], ["whale", "oak", "whale"]])
    return LexicalIndex(tmp_path / "bm25")


def test_chunks_with_the_term_score_and_no_others(index: LexicalIndex) -> None:
    """Terms that no chunk has count nothing, nor does having none."""
    assert [False, False, False, True] == (index.scores(["whale", "unheard"]) > 0).tolist()
    assert np.array_equal(np.zeros(4), index.scores(["unheard"]))
    assert np.array_equal(np.zeros(4), index.scores([]))


def test_a_rare_term_tells_more(index: LexicalIndex) -> None:
    """The fewer chunks have it, the more it weighs; most of all where none has it."""
    weights = [index.weight(term) for term in ("oak", "whale", "unheard")]
    assert sorted(weights) == weights
    assert [True, True, False] == [index.knows(term) for term in ("oak", "whale", "unheard")]


def test_a_corpus_without_a_word_can_be_indexed(tmp_path: Path) -> None:
    """Chunks of nothing but signs."""
    write_lexical(tmp_path / "bm25", [[], []])
    assert [0.0, 0.0] == LexicalIndex(tmp_path / "bm25").scores(["oak"]).tolist()
