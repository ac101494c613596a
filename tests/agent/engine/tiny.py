"""A two-layer model with adapters, what transformers' own generate says with it, and a loop around it."""

import queue
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from agent.engine.attention import NAME as ATTENTION
from agent.engine.base import Sampling, TokenDelta
from agent.engine.blocks import BlockPool
from agent.engine.kv_cache import KVCache
from agent.engine.loop import Loop
from agent.engine.lora import Adapters
from agent.engine.packed import pack
from agent.engine.request import Request
from agent.engine.runner import Runner
from agent.engine.scheduler import Scheduler
from agent.errors import AskError

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
def said(prompt: tuple[int, ...], adapter: str | None, dtype: torch.dtype = torch.float32) -> tuple[int, ...]:
    """What `generate` says to a prompt, greedily, `MOST` tokens."""
    ids = torch.tensor([prompt])
    output = _reference(adapter, dtype).generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=MOST, do_sample=False
    )
    return tuple(int(token) for token in output[0, len(prompt) :])


def logits_behind(tokens: Sequence[int], adapter: str | None, dtype: torch.dtype) -> torch.Tensor:
    """Of the token that follows, as transformers computes them, shape (vocabulary,)."""
    with torch.inference_mode():
        logits: torch.Tensor = _reference(adapter, dtype)(torch.tensor([tokens])).logits[0, -1]
    return logits.float()


@cache
def _reference(adapter: str | None, dtype: torch.dtype) -> PeftModel | LlamaForCausalLM:
    model = tiny_model().to(dtype)
    if adapter is None:
        return model
    return PeftModel.from_pretrained(model, str(adapter_folder(adapter)), autocast_adapter_dtype=False).eval()


class NoText:
    """Tokens are enough here."""

    def add(self, token_id: int) -> tuple[str, bool]:
        return "", False

    def rest(self) -> str:
        return ""


class Bench:
    """A loop over the tiny model with every adapter."""

    def __init__(
        self, *, blocks: int = 200, step_tokens: int = 64, most_running: int = 16, drafts: bool = True,
        dtype: torch.dtype = torch.float32, wrap: Callable[[Runner], Runner] = lambda runner: runner,
        hung_s: float = 60.0, left_behind: float = 0.0,
    ) -> None:  # fmt: skip
        model = tiny_model().to(dtype)
        pack(model)
        adapters = Adapters(model)
        for name in ADAPTERS:
            adapters.load(name, adapter_folder(name))
        model.set_attn_implementation(ATTENTION)
        self.pool = BlockPool(blocks, BLOCK)
        self.scheduler = Scheduler(self.pool, step_tokens, most_running, drafts=drafts)
        cache_of = KVCache(model.config, blocks, BLOCK, torch.device("cpu"), dtype)
        left = torch.full((model.config.num_key_value_heads, blocks * BLOCK, 8), left_behind, dtype=dtype)
        for layer in range(model.config.num_hidden_layers):
            cache_of.write(layer, torch.arange(blocks * BLOCK), left, left)
        self.loop = Loop(self.scheduler, wrap(Runner(model, cache_of, adapters.routing)), hung_s)
        self.loop.start()

    def ask(
        self, prompt: Sequence[int], adapter: str | None = None, sampling: Sampling | None = None,
        on_token: Callable[["Asked"], None] = lambda _asked: None, deadline: float | None = None, salt: bytes = b"",
    ) -> "Asked":  # fmt: skip
        """Hand a prompt in; `on_token` is called in the engine's thread."""
        return Asked(self, prompt, adapter, sampling or Sampling(MOST), on_token, deadline, salt)

    def close(self) -> None:
        """End the loop."""
        self.loop.close()


class Asked:
    """A generation that somebody waits for."""

    def __init__(
        self, bench: Bench, prompt: Sequence[int], adapter: str | None, sampling: Sampling,
        on_token: Callable[["Asked"], None], deadline: float | None, salt: bytes,
    ) -> None:  # fmt: skip
        self.tokens: list[int] = []
        self.cached_tokens = 0
        self._bench = bench
        self._on_token = on_token
        self._end: queue.Queue[AskError | None] = queue.Queue()
        salted = f"{adapter}\0".encode() + salt
        self.request = Request(
            prompt, sampling, adapter, NoText(), frozenset(), self._take, salt=salted, deadline=deadline  # type: ignore[arg-type]
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
