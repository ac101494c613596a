"""How far an adapter's judgement can be believed: fitted on questions about articles that it was not trained on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from sklearn.linear_model import LogisticRegression

from agent.calibration import ReaderCalibration, logit
from agent.engine.base import Engine, Sampling
from agent.prompts import NOTHING, split_pick
from agent.reading import Reading, read
from evaluation.squad import f1
from training.errors import Refused
from training.example import Example

_FEWEST = 30
# An answer that shares half its words with the right one is taken for right.
_RIGHT = 0.5


def calibrate(
    engine: Engine, adapter: str, held_out: Sequence[Example], max_tokens: int, progress: Callable[[], None]
) -> dict[str, float]:
    """Weights of `agent.calibration.ReaderCalibration`.

    Raises:
        Refused: too few examples, or all right or all wrong.
    """
    readings = [asyncio.run(_read(engine, adapter, example, max_tokens, progress)) for example in held_out]
    labels = [_is_right(example, reading) for example, reading in zip(held_out, readings, strict=True)]
    if len(labels) < _FEWEST or len(set(labels)) < 2:
        raise Refused(f"{len(labels)} held-out examples are too few to calibrate the adapter; at least {_FEWEST}.")
    values = np.asarray(
        [
            [logit(e.retrieval), logit(r.nothing or 0.0), logit(r.certainty)]
            for e, r in zip(held_out, readings, strict=True)
        ]
    )
    model = LogisticRegression(C=1.0, max_iter=2000).fit(values, np.asarray(labels))
    retrieval, nothing, certainty = (round(float(weight), 4) for weight in model.coef_[0])
    return asdict(ReaderCalibration(round(float(model.intercept_[0]), 4), retrieval, nothing, certainty))


async def _read(
    engine: Engine, adapter: str, example: Example, max_tokens: int, progress: Callable[[], None]
) -> Reading:
    reading = await read(engine, example.messages, Sampling(max_tokens=max_tokens), adapter)
    progress()
    return reading


def _is_right(example: Example, reading: Reading) -> bool:
    picked, wording = split_pick(example.completion)
    if picked == NOTHING:
        return False
    return f1(reading.text, [wording], example.language) >= _RIGHT
