"""What would fail in a model, or never come to an end, is refused before it is near others."""

from collections.abc import Sequence

from agent.engine.base import Sampling
from agent.errors import InvalidRequest, PromptTooLong


def check(prompt_ids: Sequence[int], sampling: Sampling, vocabulary: int, context_length: int) -> None:
    """Whether a generation is possible at all.

    Raises:
        PromptTooLong: no prompt, or one that leaves no room for `max_tokens`.
        InvalidRequest: a token that is not in the vocabulary, or sampling out of range.
    """
    if not prompt_ids or len(prompt_ids) + sampling.max_tokens > context_length:
        raise PromptTooLong
    ids = (*prompt_ids, *(sampling.allowed or ()), *(() if sampling.withheld is None else (sampling.withheld,)))
    if not all(0 <= token < vocabulary for token in ids):
        raise InvalidRequest(detail="a token is not in the vocabulary")
    in_range = sampling.max_tokens >= 1 and sampling.temperature >= 0.0 and 0.0 < sampling.top_p <= 1.0
    if not in_range or (sampling.top_k is not None and sampling.top_k < 1) or sampling.allowed == frozenset():
        raise InvalidRequest(detail="sampling is out of range")
