"""Generations of vLLM, token by token, as `agent.engine.base.Engine` tells them.

What vLLM has no word for is asked for in two parts: the first token with one token ruled out, and the rest behind it,
whose prompt is in the cache by then.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.sampling_params import RequestOutputKind

from agent.engine.base import FinishReason, Sampling, TokenDelta
from agent.engine.outcomes import Outcomes
from agent.engine.sampling import COLDEST
from agent.engine.text_stream import TextStream

_NEVER = -100.0


@dataclass(slots=True)
class Asked:
    """A generation that somebody waits for."""

    prompt_ids: Sequence[int]
    sampling: Sampling
    lora: LoRARequest | None
    salt: bytes
    deadline: float | None
    text: TextStream
    outcomes: Outcomes


class Generations:
    """Of one vLLM, in its event loop.

    Args:
        llm: vLLM's `AsyncLLM`.
        end_ids: the tokens that end a generation.
    """

    def __init__(self, llm: Any, end_ids: frozenset[int]) -> None:  # noqa: ANN401
        self.tokens = 0
        self._llm = llm
        self._end_ids = end_ids
        self._requests = count(1)

    async def run(self, asked: Asked) -> None:
        """Deliver its tokens up to the last one."""
        sampling, prompt_ids, first = asked.sampling, list(asked.prompt_ids), None
        if sampling.withheld is not None:
            # It must not stand first, but may come later: the first token is a generation of its own.
            async with aclosing(self._tokens(asked, prompt_ids, replace(sampling, max_tokens=1))) as tokens:
                first = await anext(tokens)
            if first.finish == "length" and sampling.max_tokens > 1:
                first = replace(first, finish=None)
            elif first.finish == "length":
                first = replace(first, text=first.text + asked.text.rest())
            asked.outcomes.deliver(first)
            if first.finish is not None:
                return
            prompt_ids.append(first.token_id)
            sampling = replace(sampling, max_tokens=sampling.max_tokens - 1, withheld=None)
        async with aclosing(self._tokens(asked, prompt_ids, sampling)) as tokens:
            async for delta in tokens:
                if first is not None:
                    delta = replace(delta, cached_tokens=first.cached_tokens, queue_ms=first.queue_ms)
                asked.outcomes.deliver(delta)

    async def _tokens(
        self, asked: Asked, prompt_ids: list[int], sampling: Sampling
    ) -> AsyncGenerator[TokenDelta, None]:  # fmt: skip
        prompt: dict[str, Any] = {"prompt_token_ids": prompt_ids}
        if asked.salt:
            prompt["cache_salt"] = asked.salt.hex()
        stream = self._llm.generate(
            prompt, self._params(sampling), f"askpod-{next(self._requests)}", lora_request=asked.lora
        )
        async with aclosing(stream):
            async for output in stream:
                made = output.outputs[0]
                for place, token in enumerate(made.token_ids):
                    self.tokens += 1
                    known = made.logprobs[place]
                    piece, stopped = asked.text.add(token)
                    ends = stopped or token in self._end_ids
                    last = made.finish_reason is not None and place == len(made.token_ids) - 1
                    finish: FinishReason | None = "stop" if ends else "length" if last else None
                    # The first of two generations does not end the text where it has its one token.
                    goes_on = sampling.withheld is not None and finish == "length"
                    if finish is not None and not (stopped or goes_on):
                        piece += asked.text.rest()
                    withheld = None if sampling.withheld is None else known[sampling.withheld].logprob
                    yield TokenDelta(
                        token, piece, finish, _queue_ms(output.metrics), known[token].logprob, withheld,
                        output.num_cached_tokens or 0,
                    )  # fmt: skip
                    if finish is not None:
                        return

    def _params(self, sampling: Sampling) -> SamplingParams:
        allowed, bias, told = None, None, []
        if sampling.allowed is not None:
            allowed = sorted(sampling.allowed - {sampling.withheld})
        if sampling.withheld is not None:
            bias, told = {sampling.withheld: _NEVER}, [sampling.withheld]
        return SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=0.0 if sampling.temperature < COLDEST else sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,
            seed=sampling.seed,
            ignore_eos=True,
            stop_token_ids=sorted(self._end_ids),
            # Text is made here, as for the other engine.
            detokenize=False,
            # Of the token itself, and of as many others as are named.
            logprobs=len(told),
            logprob_token_ids=told or None,
            allowed_token_ids=allowed,
            logit_bias=bias,
            output_kind=RequestOutputKind.DELTA,
        )


def _queue_ms(metrics: Any) -> float:  # noqa: ANN401 - vLLM's, which it leaves out where nobody counts
    queued, scheduled = getattr(metrics, "queued_ts", 0.0), getattr(metrics, "scheduled_ts", 0.0)
    return round(max(0.0, scheduled - queued) * 1000, 1) if queued and scheduled else 0.0
