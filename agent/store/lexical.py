"""The BM25 index, made by bm25s: sparse arrays read by mmap."""

import math
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from bm25s.tokenization import Tokenized
from numpy.typing import NDArray

Scores = NDArray[np.float32]


def write_lexical(folder: Path, documents: Sequence[Sequence[str]]) -> None:
    """Index the terms of each chunk, in the order of the chunks' ids."""
    index = bm25s.BM25(backend="numpy")
    # bm25s numbers terms in the order of a set, which differs from run to run; ours are sorted, so that one corpus
    # gives one index. It cannot index a corpus without a single term, hence the empty one.
    vocabulary = {term: number for number, term in enumerate(sorted({"", *(t for terms in documents for t in terms)}))}
    ids = [[vocabulary[term] for term in terms] or [vocabulary[""]] for terms in documents]
    index.index(Tokenized(ids=ids, vocab=vocabulary), show_progress=False)
    index.save(folder, show_progress=False)


class LexicalIndex:
    """Read access; safe from several threads."""

    def __init__(self, folder: Path) -> None:
        self._index = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        self._count = int(self._index.scores["num_docs"])

    def scores(self, terms: Sequence[str]) -> Scores:
        """BM25 of every chunk for the query's terms, shape (chunks,); zero where none occurs."""
        known = [term for term in terms if self.knows(term)]
        if not known:
            return np.zeros(self._count, dtype=np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)

    def knows(self, term: str) -> bool:
        """Whether any chunk has this term."""
        return term in self._index.vocab_dict

    def weight(self, term: str) -> float:
        """How much the term tells: its inverse document frequency, as BM25 counts it (Robertson & Zaragoza 2009)."""
        frequency = 0
        if self.knows(term):
            starts = self._index.scores["indptr"]
            number = self._index.vocab_dict[term]
            frequency = int(starts[number + 1]) - int(starts[number])
        return math.log(1 + (self._count - frequency + 0.5) / (frequency + 0.5))
