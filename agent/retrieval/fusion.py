"""One ranking out of two scores that are not on one scale.

Convex combination of z-scores, as measured in Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid
Retrieval" (arXiv 2210.11934): it beats reciprocal rank fusion because it keeps how far apart the scores are.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


def z_scores(values: Scores) -> Scores:
    """`values` with mean 0 and standard deviation 1; zeros where they are all the same."""
    if len(values) == 0 or float(values.std()) < 1e-9:
        return np.zeros_like(values)
    centred: Scores = (values - values.mean()) / values.std()
    return centred


def fuse(dense: Scores, lexical: Scores, dense_weight: float) -> Scores:
    """`dense_weight` of the dense z-score and the rest of the lexical one; all shapes (candidates,)."""
    fused: Scores = dense_weight * z_scores(dense) + (1.0 - dense_weight) * z_scores(lexical)
    return fused


def fuse_across_languages(dense: Scores, lexical: Scores, foreign: Mask, dense_weight: float) -> Scores:
    """As `fuse`, where shared words say little about the candidates that are `foreign` to the question's language.

    Their lexical score is at least half the best one of the question's own language: a passage in another language
    cannot show the words of the question, and must not lose by that alone; names and numbers it may share, and win by.
    Without any candidate in the question's language the dense score decides alone.
    """
    if foreign.all():
        return z_scores(dense)
    own = lexical[~foreign]
    spread = float(own.std())
    if spread < 1e-9:
        return dense_weight * z_scores(dense)
    scaled = (lexical - own.mean()) / spread
    scaled[foreign] = np.maximum(scaled[foreign], 0.5 * scaled[~foreign].max())
    fused: Scores = dense_weight * z_scores(dense) + (1.0 - dense_weight) * scaled
    return fused
