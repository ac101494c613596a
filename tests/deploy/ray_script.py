"""What the replicas' scripted model says."""

import os

SENTENCE = "The HTTP server listens on port 8000."
# A question with these words gets an answer of 40 seconds.
AT_LENGTH = "at length"
SECONDS_A_WORD = 0.1


def script(prompt: str) -> str:
    """As the question wants it."""
    return at_length(os.getpid()) if AT_LENGTH in prompt else SENTENCE


def at_length(process: int) -> str:
    """What the replica says that is this process. It is one sentence: a third one would not be waited for."""
    return f"Process-{process} says that the HTTP server listens on port 8000{' by default' * 200}."
