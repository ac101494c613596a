"""What a contestant tells of itself: a line for each step, as it is done."""

import json
import sys

QUESTION = "Which HTTP header carries the API key?"
READY, ANSWERED = "ready", "answered"
# Others, under the names that a worker's own phases have.
PYTHON, IMPORTS, MODEL, EMBEDDER, STORE, SDK = "python", "imports", "model", "embedder", "store", "sdk"
# What the naive one reads.
INDEX, TEXTS = "index.faiss", "chunks.json"


def tell(step: str, **more: object) -> None:
    """The step is done now; who reads the line has the clock. It began with the end of the one told before, or `ms`
    milliseconds ago.
    """
    sys.stdout.write(json.dumps({"step": step, **more}) + "\n")
    sys.stdout.flush()
