"""The prompts: shaped like those of questions about documents, made of the sentences of this project's own guides."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.engine.job import Job, Load

# Lengths in tokens.
_PROMPT = 442
_OUT = 64
_ANSWER = 40
_SYSTEM = "Answer the question from the numbered sentences below, in their words."
ADAPTERS = 4
_ONE_BY_ONE = 4
_AT_ONCE = 16
# So many ask at once, for the curves; so many questions at least make a point of one.
ASKERS = (1, 2, 4, 8, 16)
ASKERS_ON_A_GPU = (32, 64, 128)
_QUESTIONS_A_POINT = 4
_MANY_AT_ONCE = 128
_MANY_JOBS = 256
_RAG_JOBS = 32
_PREFIX_JOBS = 6
_PREFIX_PROMPT = 640
_PREFIX_SHARED = 0.8
# Of a run of numbers that a model copies which counts: how many, and where in the prompt, behind what is shared.
_COUNTED = 64
_COUNTED_AT = 0.6


def askers_load(askers: int) -> str:
    """The name of the load in which so many ask at once."""
    return f"askers {askers}"


class Tokenizer(Protocol):
    """What of transformers' tokenizers is used."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...  # noqa: ANN401


def sentences_of(folder: Path) -> list[str]:
    """The sentences of the guides in a folder, one to a line there."""
    lines = [line.strip() for path in sorted(folder.glob("*.md")) for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if re.match(r"[A-Z`].{40,}\.$", line)]


class Loads:
    """Makes loads; the same ones for a seed.

    Args:
        tokenizer: of the model.
        sentences: what prompts are made of.
        seed: of what is drawn.
        counting: whether the model answers with the next number, as those with random weights do.
    """

    def __init__(self, tokenizer: Tokenizer, sentences: Sequence[str], seed: int, *, counting: bool = False) -> None:
        self._tokenizer = tokenizer
        self._sentences = list(sentences)
        self._random = random.Random(seed)  # noqa: S311 - the same load each time
        self._counting = counting

    def base(self) -> list[Load]:
        """Those without adapters."""
        prefixes = [self._text(_PREFIX_PROMPT) for _ in range(_PREFIX_JOBS)]
        shared = int(_PREFIX_PROMPT * _PREFIX_SHARED)
        hits = [prompt[:shared] + self._text(_PREFIX_PROMPT - shared) for prompt in prefixes]
        return [
            Load("one", [Job(self._text(_PROMPT), _ANSWER) for _ in range(_ONE_BY_ONE)], 1),
            Load("copying", [Job(self._question(_PROMPT, [], copies=True), _ANSWER) for _ in range(_ONE_BY_ONE)], 1),
            Load("sixteen", [Job(self._text(_PROMPT), _OUT) for _ in range(_AT_ONCE)], _AT_ONCE),
            Load("documents", self._documents(None), _AT_ONCE),
            Load("cold", [Job(prompt, 2) for prompt in prefixes], 1),
            Load("hit", [Job(prompt, 2) for prompt in hits], 1, cached=True),
        ]

    def many(self) -> list[Load]:
        """As many at once as only a GPU is for."""
        return [Load("many", [Job(self._text(_PROMPT), _OUT) for _ in range(_MANY_JOBS)], _MANY_AT_ONCE)]

    def adapted(self) -> list[Load]:
        """Those with adapters; the first is like one without, for comparison."""
        prompts = [self._text(_PROMPT) for _ in range(_AT_ONCE)]
        return [
            Load("sixteen, none", [Job(prompt, _OUT) for prompt in prompts], _AT_ONCE),
            Load("sixteen, one", [Job(prompt, _OUT, 0) for prompt in prompts], _AT_ONCE),
            Load("sixteen, four", [Job(prompt, _OUT, n % ADAPTERS) for n, prompt in enumerate(prompts)], _AT_ONCE),
            Load("documents, one", self._documents(0), _AT_ONCE),
        ]

    def askers(self, numbers: Sequence[int]) -> list[Load]:
        """Questions about documents, one of each asker, all asked in the same moment; of a few askers several times."""
        return [
            Load(askers_load(number), self._documents(None, number), number)
            for number in numbers
            for _ in range(max(1, _QUESTIONS_A_POINT // number))
        ]

    def _documents(self, adapter: int | None, count: int = _RAG_JOBS) -> list[Job]:
        """400 to 900 tokens of context, the first half of it from one of a few documents that many ask about; every
        other question has an answer that copies.
        """
        popular = [self._pick(12) for _ in range(4)]
        jobs = []
        for number in range(count):
            length = self._random.randint(400, 900)
            prompt = self._question(length, popular[number % len(popular)], copies=number % 2 == 0)
            jobs.append(Job(prompt, self._random.randint(40, 60), adapter))
        return jobs

    def _question(self, tokens: int, first: Sequence[str], *, copies: bool) -> list[int]:
        """A conversation of about so many tokens; half of the sentences are from `first`, if there are any."""
        known, used = [], 0
        for sentence in self._mixed(first, tokens // 2):
            used += len(self._encode(sentence)) + 4
            if used > tokens - 60:
                break
            known.append(sentence)
        at = self._random.randrange(len(known)) + 1
        asked = f"Repeat sentence {at} word for word." if copies else f"What is sentence {at} about, and why?"
        context = "\n".join(f"[{number}] {sentence}" for number, sentence in enumerate(known, start=1))
        chat = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": f"{context}\n\n{asked}"}]
        ids = list(map(int, self._tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)))
        if copies and self._counting:
            at, run = int(_COUNTED_AT * len(ids)), range(ids[-1], ids[-1] + _COUNTED)
            ids[at : at + _COUNTED] = run
        return ids

    def _mixed(self, first: Sequence[str], tokens: int) -> Iterator[str]:
        used = 0
        for sentence in first:
            if used > tokens:
                break
            used += len(self._encode(sentence)) + 4
            yield sentence
        yield from self._pick(len(self._sentences))

    def _text(self, tokens: int) -> list[int]:
        """Running text of so many tokens."""
        ids: list[int] = []
        for sentence in self._pick(len(self._sentences)):
            ids += self._encode(sentence + " ")
            if len(ids) >= tokens:
                break
        return ids[:tokens]

    def _pick(self, count: int) -> list[str]:
        return self._random.sample(self._sentences, min(count, len(self._sentences)))

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)
