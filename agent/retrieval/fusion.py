"""One ranking out of two scores that are not on one scale.

Convex combination of z-scores, as measured in Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid
Retrieval" (arXiv 2210.11934): it beats reciprocal rank fusion because it keeps how far apart the scores are.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def z_scores(values: Scores) -> Scores:
    """`values` with mean 0 and standard deviation 1; zeros where they are all the same."""
    deviation = float(values.std())
    if deviation < 1e-9:
        return np.zeros_like(values)
    centred: Scores = (values - values.mean()) / deviation
    return centred


def fuse(dense: Scores, lexical: Scores, dense_weight: float) -> Scores:
    """`dense_weight` of the dense z-score and the rest of the lexical one; all shapes (candidates,)."""
    fused: Scores = dense_weight * z_scores(dense) + (1.0 - dense_weight) * z_scores(lexical)
    return fused
