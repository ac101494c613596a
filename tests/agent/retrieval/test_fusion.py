"""One ranking out of two scores."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.retrieval.fusion import Mask, Scores, fuse, fuse_across_languages, z_scores

# Apart from each other by much more than floats are rounded: what is asserted is about order.
SCORE = st.integers(-50, 50).map(lambda number: number / 10)
WEIGHT = st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0])
SCALE = st.floats(0.1, 50)
SHIFT = st.floats(-20, 20)


@st.composite
def legs(draw: st.DrawFn) -> tuple[Scores, Scores, Mask]:
    """Dense and lexical scores of some candidates, and which of them are foreign."""
    rows = draw(st.lists(st.tuples(SCORE, SCORE, st.booleans()), min_size=1, max_size=12))
    dense, lexical, foreign = zip(*rows, strict=True)
    return np.asarray(dense, dtype=np.float64), np.asarray(lexical, dtype=np.float64), np.asarray(foreign)


@given(legs=legs(), weight=WEIGHT, scales=st.tuples(SCALE, SCALE), shifts=st.tuples(SHIFT, SHIFT))
def test_the_scale_of_a_leg_does_not_matter(
    legs: tuple[Scores, Scores, Mask], weight: float, scales: tuple[float, float], shifts: tuple[float, float]
) -> None:
    """Neither BM25's size nor where an embedder's cosines begin."""
    dense, lexical, foreign = legs
    rescaled = (dense * scales[0] + shifts[0], lexical * scales[1] + shifts[1])
    assert np.allclose(fuse(dense, lexical, weight), fuse(*rescaled, weight), atol=1e-6)
    assert np.allclose(
        fuse_across_languages(dense, lexical, foreign, weight),
        fuse_across_languages(*rescaled, foreign, weight),
        atol=1e-6,
    )


@given(legs=legs(), weight=WEIGHT)
def test_within_one_language_it_is_the_weighted_sum(legs: tuple[Scores, Scores, Mask], weight: float) -> None:
    """Languages make no difference where there is one."""
    dense, lexical, _ = legs
    own = np.zeros(len(dense), dtype=np.bool_)
    assert np.allclose(fuse(dense, lexical, weight), fuse_across_languages(dense, lexical, own, weight))


@given(legs=legs(), weight=WEIGHT)
def test_foreign_candidates_are_ranked_by_meaning_among_themselves(
    legs: tuple[Scores, Scores, Mask], weight: float
) -> None:
    """Where they share no word with the question."""
    dense, lexical, foreign = legs
    lexical = np.where(foreign, min(lexical.min(), 0.0), lexical)
    fused = fuse_across_languages(dense, lexical, foreign, weight)[foreign]
    ranked = fused[np.argsort(dense[foreign], kind="stable")]
    assert np.all(np.diff(ranked) >= -1e-9)


@given(legs=legs(), weight=WEIGHT)
def test_a_foreign_candidate_is_not_buried_for_want_of_words(legs: tuple[Scores, Scores, Mask], weight: float) -> None:
    """It keeps at least half of what the best of the question's own language has by words, as far as they tell."""
    dense, lexical, foreign = legs
    by_words = fuse_across_languages(dense, lexical, foreign, weight) - weight * z_scores(dense)
    if foreign.any() and not foreign.all() and weight < 1.0:
        assert by_words[foreign].min() >= 0.5 * by_words[~foreign].max() - 1e-9


@given(legs=legs(), weight=WEIGHT)
def test_only_foreign_candidates_are_ranked_by_meaning(legs: tuple[Scores, Scores, Mask], weight: float) -> None:
    """Whatever their words."""
    dense, lexical, _ = legs
    everyone = np.ones(len(dense), dtype=np.bool_)
    assert np.array_equal(z_scores(dense), fuse_across_languages(dense, lexical, everyone, weight))


@given(legs=legs(), weight=WEIGHT)
def test_fused_scores_are_numbers(legs: tuple[Scores, Scores, Mask], weight: float) -> None:
    """Also of one candidate, and where all are equal."""
    dense, lexical, foreign = legs
    assert np.isfinite(fuse_across_languages(dense, lexical, foreign, weight)).all()
    assert np.array_equal(np.zeros(3), z_scores(np.full(3, 0.1)))
    assert 0 == len(z_scores(np.zeros(0)))
