"""A two-layer model with adapters, what transformers' own generate says with it, and a loop around it."""

import queue
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from agent.engine.attention import NAME as ATTENTION
from agent.engine.base import Sampling, TokenDelta
from agent.engine.blocks import BlockPool
from agent.engine.cuda import flash
from agent.engine.cuda.graph_runner import GraphRunner
from agent.engine.cuda.whole_cache import WholeCache
from agent.engine.kv_cache import KVCache
from agent.engine.loop import Loop, RunsSteps
from agent.engine.lora import Adapters, Routing
from agent.engine.request import Request
from agent.engine.runner import Runner
from agent.engine.scheduler import Scheduler
from agent.engine.scores import Scores
from agent.engine.step import Span
from agent.errors import AskError
from agent.packed import pack

Case = tuple[tuple[int, ...], str | None]
VOCABULARY = 97
BLOCK = 8
ADAPTERS = ("a", "b", "c")
MOST = 24
_SHAPE = dict(  # noqa: C408
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=512, eos_token_id=None, bos_token_id=None, pad_token_id=None,
)  # fmt: skip


def tiny_model() -> LlamaForCausalLM:
    """The same weights each time, large enough that adapters and contexts tell."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**_SHAPE)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(8)
    return model


@cache
def adapter_folder(name: str) -> Path:
    """An adapter with random weights, of another rank and other layers than the next one."""
    number = ADAPTERS.index(name)
    torch.manual_seed(100 + number)
    targets = ("all-linear", ["q_proj", "v_proj"], ["o_proj", "gate_proj", "down_proj"])[number]
    config = LoraConfig(
        r=2 + number, lora_alpha=8 + number, target_modules=targets, init_lora_weights=False, use_rslora=number == 1
    )
    folder = Path(mkdtemp()) / name
    get_peft_model(tiny_model(), config).save_pretrained(str(folder))
    return folder


@cache
def said(
    prompt: tuple[int, ...], adapter: str | None, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> tuple[int, ...]:
    """What `generate` says to a prompt, greedily, `MOST` tokens."""
    ids = torch.tensor([prompt], device=device)
    output = _reference(adapter, dtype, device).generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=MOST, do_sample=False
    )
    return tuple(int(token) for token in output[0, len(prompt) :])


def logits_behind(tokens: Sequence[int], adapter: str | None, dtype: torch.dtype, device: str = "cpu") -> torch.Tensor:
    """Of the token that follows, as transformers computes them, shape (vocabulary,)."""
    with torch.inference_mode():
        ids = torch.tensor([tokens], device=device)
        logits: torch.Tensor = _reference(adapter, dtype, device)(ids).logits[0, -1]
    return logits.float().cpu()


@cache
def _reference(adapter: str | None, dtype: torch.dtype, device: str) -> PeftModel | LlamaForCausalLM:
    model = tiny_model().to(device, dtype)  # type: ignore[arg-type]
    if adapter is None:
        return model
    return PeftModel.from_pretrained(model, str(adapter_folder(adapter)), autocast_adapter_dtype=False).eval()


def assert_rounding_only(bench: "Bench", cases: Sequence[Case], device: str = "cpu") -> None:
    """Ask all at once, in bfloat16; see `assert_said`."""
    asked = [bench.ask(*case) for case in cases]
    assert_said(cases, [one.wait() for one in asked], device)


def assert_said(cases: Sequence[Case], answers: Sequence[list[int]], device: str) -> None:
    """Where a token in bfloat16 is not that of `generate`, it had both within the rounding of their logits at that
    place; and that is seldom.
    """
    equal = 0
    for (prompt, adapter), found in zip(cases, answers, strict=True):
        expected = said(prompt, adapter, torch.bfloat16, device)
        place = next((at for at, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]), None)
        if place is None:
            equal += 1
            continue
        rounded, exact = (
            logits_behind((*prompt, *expected[:place]), adapter, dtype, device)
            for dtype in (torch.bfloat16, torch.float32)
        )
        gap = float(rounded.max() - rounded[found[place]])
        # Both logits may be off by what bfloat16 makes of them, in what `generate` computes and in what we do.
        assert gap <= 4 * float((rounded - exact).abs().max()), (prompt, adapter, place, gap)
    assert equal >= len(cases) // 2


def settled(bench: "Bench") -> None:
    """Nothing runs, nothing waits, and every block is free again."""
    deadline = time.monotonic() + 30
    while bench.loop.counts() != (0, 0) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (0, 0) == bench.loop.counts()
    assert bench.pool.count == bench.pool.available


class NoText:
    """Tokens are enough here."""

    def add(self, token_id: int) -> tuple[str, bool]:
        return "", False

    def rest(self) -> str:
        return ""


class Copying(Runner):
    """Keeps each sequence in one piece of a cache that knows nothing of that."""

    def __init__(self, model: LlamaForCausalLM, cache_of: KVCache, routing: Routing) -> None:
        super().__init__(model, cache_of, routing)
        self._layers = range(model.config.num_hidden_layers)
        self._blocks = cache_of

    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """Copy what is known first."""
        for source, target in (pair for span in spans for pair in span.copies):
            for layer in self._layers:
                known = self._blocks.read(layer, [(source * BLOCK, (source + 1) * BLOCK)])
                self._blocks.write(layer, torch.arange(target * BLOCK, (target + 1) * BLOCK), *known)
        assert all(list(span.blocks) == list(range(span.blocks[0], span.blocks[-1] + 1)) for span in spans)
        return super().run(spans, meanwhile)


class Bench:
    """A loop over the tiny model with every adapter.

    `left_behind` is what fills the cache at first; `whole` keeps each sequence in one piece of it, as on a GPU.
    """

    def __init__(
        self, *, blocks: int = 200, step_tokens: int = 64, most_running: int = 16, drafts: bool = True,
        dtype: torch.dtype = torch.float32, wrap: Callable[[RunsSteps], RunsSteps] = lambda runner: runner,
        hung_s: float = 60.0, left_behind: float = 0.0, whole: bool = False, device: str = "cpu",
    ) -> None:  # fmt: skip
        model = tiny_model().to(device, dtype)  # type: ignore[arg-type]
        gpu = device == "cuda"
        if not gpu:
            pack(model)
        self.adapters = Adapters(model)
        for name in ADAPTERS:
            self.adapters.load(name, adapter_folder(name))
        model.set_attn_implementation(flash.NAME if gpu else ATTENTION)
        self.pool = BlockPool(blocks, BLOCK)
        self.scheduler = Scheduler(self.pool, step_tokens, most_running, drafts=drafts, whole=whole or gpu)
        cache_of = (WholeCache if gpu else KVCache)(model.config, blocks, BLOCK, torch.device(device), dtype)
        left = torch.full((model.config.num_key_value_heads, blocks * BLOCK, 8), left_behind, dtype=dtype)
        for layer in range(model.config.num_hidden_layers):
            cache_of.write(layer, torch.arange(blocks * BLOCK).to(device), left.to(device), left.to(device))
        routing = self.adapters.routing
        runner: RunsSteps
        if isinstance(cache_of, WholeCache):
            runner = GraphRunner(model, cache_of, routing, 512)
        else:
            runner = (Copying if whole else Runner)(model, cache_of, routing)
        self.loop = Loop(self.scheduler, wrap(runner), hung_s)
        self.loop.start()
        if isinstance(runner, GraphRunner):
            self.loop.between_steps(partial(runner.warm_up, step_tokens, adapted=True)).result()

    def ask(
        self, prompt: Sequence[int], adapter: str | None = None, sampling: Sampling | None = None,
        on_token: Callable[["Asked"], None] = lambda _asked: None, deadline: float | None = None, salt: bytes = b"",
        text: NoText | None = None,
    ) -> "Asked":  # fmt: skip
        """Hand a prompt in; `on_token` is called in the engine's thread."""
        return Asked(self, prompt, adapter, sampling or Sampling(MOST), on_token, deadline, salt, text)

    def close(self) -> None:
        """End the loop."""
        self.loop.close()


class Asked:
    """A generation that somebody waits for."""

    def __init__(
        self, bench: Bench, prompt: Sequence[int], adapter: str | None, sampling: Sampling,
        on_token: Callable[["Asked"], None], deadline: float | None, salt: bytes,
        text: NoText | None = None,
    ) -> None:  # fmt: skip
        self.tokens: list[int] = []
        self.cached_tokens = 0
        self._bench = bench
        self._on_token = on_token
        self._end: queue.Queue[AskError | None] = queue.Queue()
        salted = f"{adapter}\0".encode() + salt
        self.request = Request(
            prompt, sampling, adapter, text or NoText(), frozenset(), self._take, salt=salted, deadline=deadline  # type: ignore[arg-type]
        )  # fmt: skip
        bench.loop.submit(self.request)

    def wait(self) -> list[int]:
        """All its tokens, or the error that ended it is raised."""
        error = self._end.get(timeout=20)
        if error is not None:
            raise error
        return self.tokens

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._bench.loop.cancel(self.request)

    def _take(self, outcome: TokenDelta | AskError) -> None:
        if isinstance(outcome, AskError):
            self._end.put(outcome)
            return
        self.tokens.append(outcome.token_id)
        self.cached_tokens = outcome.cached_tokens
        self._on_token(self)
        if outcome.finish is not None:
            self._end.put(None)
