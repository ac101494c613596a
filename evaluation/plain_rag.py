"""The baseline: ordinary retrieval-augmented generation with the product's retriever and engine.

It reads five passages, the first three widened by their neighbours up to 1,500 tokens, in one ordinary prompt, and
writes at most 320 tokens. Nothing is verified or cited, and it never abstains.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from agent.engine.base import ChatMessage, Engine, Sampling
from agent.errors import AskError
from agent.retrieval.embedder import Embedder
from agent.retrieval.query import make_queries
from agent.retrieval.retriever import Passage, Retriever
from agent.schemas import Language
from agent.store.documents import Chunk
from agent.store.store import Store
from agent.text.language import detect_language
from evaluation.outcome import Outcome, Read, failure

PASSAGES = 5
WIDENED = 3
CONTEXT_TOKENS = 1500
MAX_TOKENS = 320

_SYSTEM: dict[Language, str] = {
    "en": "You are a helpful assistant. Answer the user's question fully and precisely with the information in the "
    "documents below. Name every item, step, number and condition that the question asks for.",
    "es": "Eres un asistente útil. Responde a la pregunta del usuario de forma completa y precisa con la información "
    "de los documentos siguientes. Nombra cada elemento, paso, número y condición por los que se pregunta.",
}
_QUESTION: dict[Language, str] = {"en": "Question", "es": "Pregunta"}


@dataclass(frozen=True, slots=True)
class PlainRag:
    """The baseline over one store."""

    store: Store
    retriever: Retriever
    embedder: Embedder
    engine: Engine

    async def ask(self, question: str) -> Outcome:
        """Answer with the base model; an error of the engine is the outcome's."""
        started = time.monotonic()
        language = detect_language(question)
        runs = await asyncio.to_thread(self._context, question, language)
        heads = [f"{run[0].title} — {run[0].heading} ({run[0].source})\n{_text(run)}" for run in runs]
        context = "\n\n".join(f"[{number}] {head}" for number, head in enumerate(heads, start=1))
        messages: list[ChatMessage] = [
            {"role": "system", "content": _SYSTEM[language]},
            {"role": "user", "content": f"{context}\n\n{_QUESTION[language]}: {question}"},
        ]
        try:
            prompt, answer, tokens = await self._generate(messages)
        except AskError as error:
            return failure(error.code, language, time.monotonic() - started)
        return Outcome(
            answer=answer, abstained=False, reason=None, language=language, blocks=[], citations=[],
            context=[
                Read(
                    source=run[0].source, start=run[0].start, end=run[-1].end,
                    tokens=self.engine.count_tokens(_text(run)),
                )
                for run in runs
            ],
            decisions={}, prompt_tokens=prompt, completion_tokens=tokens,
            seconds=round(time.monotonic() - started, 3), error=None,
        )  # fmt: skip

    def _context(self, question: str, language: Language) -> list[list[Chunk]]:
        """The passages of the prompt, best first, each a run of neighbouring chunks. Blocking."""
        queries = make_queries([question], language, self.embedder)
        passages = self.retriever.retrieve(queries, PASSAGES, {}).passages
        chosen = self._widened(passages)
        rank = {passage.chunk.id: place for place, passage in enumerate(passages)}
        last = len(passages)
        return sorted(_runs(chosen), key=lambda run: min(rank.get(chunk.id, last) for chunk in run))

    def _widened(self, passages: Sequence[Passage]) -> dict[int, Chunk]:
        """The passages and the neighbours of the first ones, by their ids, as far as the budget goes."""
        chosen: dict[int, Chunk] = {}
        used = 0
        hits = [(passage.chunk.id, passage.chunk.source) for passage in passages]
        neighbours = [(number + step, source) for number, source in hits[:WIDENED] for step in (1, -1)]
        for number, source in (*hits, *neighbours):
            if number in chosen or not 0 <= number < self.store.manifest.chunks:
                continue
            (chunk,) = self.store.chunks.get([number])
            tokens = self.engine.count_tokens(chunk.text)
            if chunk.source == source and used + tokens <= CONTEXT_TOKENS:
                chosen[number] = chunk
                used += tokens
        return chosen

    async def _generate(self, messages: Sequence[ChatMessage]) -> tuple[int, str, int]:
        """Tokens of the prompt, the answer, and its tokens."""
        prompt = self.engine.encode_chat(messages)
        text, tokens = "", 0
        generation = self.engine.generate(prompt, Sampling(max_tokens=MAX_TOKENS), None)
        async with aclosing(generation):
            async for delta in generation:
                text += delta.text
                tokens += 1
        return len(prompt), text, tokens


def _runs(chosen: dict[int, Chunk]) -> list[list[Chunk]]:
    """The chunks in groups of neighbours of one document."""
    runs: list[list[Chunk]] = []
    for number in sorted(chosen):
        before = runs[-1][-1] if runs else None
        if before is not None and (before.id, before.source) == (number - 1, chosen[number].source):
            runs[-1].append(chosen[number])
        else:
            runs.append([chosen[number]])
    return runs


def _text(run: Sequence[Chunk]) -> str:
    """The text of neighbouring chunks, a line after the other, without what they share."""
    text, end = "", 0
    for chunk in run:
        text += chunk.text[max(end - chunk.start, 0) :] + "\n"
        end = chunk.end
    return text
