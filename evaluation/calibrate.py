"""Fits `agent/answering/calibration.json`: logistic regression over signals, on questions with known answers.

Three kinds of questions, each weighted as a whole: those that the corpus answers (0.6), those it answers nearly (0.2,
SQuAD 2.0's unanswerable ones), and those whose article is taken out of the corpus (0.2). Relevance tells the first from
the third; confidence is the probability that the best sentence holds the answer, over all three.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from agent.retrieval.finding import Signals
from evaluation.examples import Example

SIGNALS = tuple(field.name for field in fields(Signals) if field.name != "foreign")
# Of an embedder that nobody has calibrated only the words can be judged.
LEXICAL = ("coverage", "sentence_coverage", "bm25")
SHARES = {"answered": 0.6, "near": 0.2, "absent": 0.2}
_CASES = {"own": 0.0, "foreign": 1.0}


def fit(examples: Sequence[Example], names: Sequence[str] = SIGNALS) -> dict[str, dict[str, dict[str, float]]]:
    """Weights as `agent.answering.calibration.Calibration` reads them; a language case without examples is left out."""
    weights: dict[str, dict[str, dict[str, float]]] = {"relevance": {}, "confidence": {}}
    for case, foreign in _CASES.items():
        some = [example for example in examples if example.signals.foreign == foreign]
        in_or_out = [example for example in some if example.kind != "near"]
        if {example.kind for example in some} >= {"answered", "absent"}:
            labels = [example.kind == "answered" for example in in_or_out]
            weights["relevance"][case] = _regress(in_or_out, labels, names)
            weights["confidence"][case] = _regress(some, [example.right for example in some], names)
    return weights


def write(path: Path, embedder: str, weights: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Put the weights for one embedder into the file, beside those of others."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content[embedder] = {"weights": weights, "fitted": provenance}
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _regress(examples: Sequence[Example], labels: Sequence[bool], names: Sequence[str]) -> dict[str, float]:
    """Fitted on standardised signals, and written for the signals as they are."""
    values: NDArray[np.float64] = np.asarray([[asdict(e.signals)[name] for name in names] for e in examples])
    centre, scale = values.mean(axis=0), values.std(axis=0) + 1e-9
    model = LogisticRegression(C=1.0, max_iter=2000)
    model.fit((values - centre) / scale, np.asarray(labels), sample_weight=np.asarray(list(_sample_weights(examples))))
    slopes = model.coef_[0] / scale
    bias = float(model.intercept_[0] - (slopes * centre).sum())
    return {"bias": round(bias, 4), **{n: round(float(s), 4) for n, s in zip(names, slopes, strict=True)}}


def _sample_weights(examples: Sequence[Example]) -> Iterator[float]:
    counts = {kind: sum(example.kind == kind for example in examples) for kind in SHARES}
    yield from (SHARES[example.kind] / counts[example.kind] * len(examples) for example in examples)
