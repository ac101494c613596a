"""What a contestant tells of itself: a line for each step, as it is done."""

import json
import sys

QUESTION = "Which HTTP header carries the API key?"
READY, ANSWERED = "ready", "answered"
# What the naive one reads.
INDEX, TEXTS = "index.faiss", "chunks.json"


def tell(step: str, **more: object) -> None:
    """The step is done now; who reads the line has the clock."""
    sys.stdout.write(json.dumps({"step": step, **more}) + "\n")
    sys.stdout.flush()
