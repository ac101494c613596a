"""Asks the agents around a scripted engine, and reads what they did."""

from collections.abc import Callable
from typing import Any

from agent.engine.scripted import ScriptedEngine
from agent.loading import Loaded
from agent.schemas import Answer, AskEvent, AskRequest

# Around an engine, documents (path: text) and changes of settings.
Load = Callable[..., Loaded]

PORT = "The HTTP server listens on port 8000 by default."
# The paragraphs of tests.fakes.loading.DOCUMENTS.
SERVER = f"{PORT} The key goes in X-API-KEY."
ADAPTERS = "A LoRA adapter is a small set of weights. The first adapter is the default one."
ASK_PORT = "Which port does the HTTP server listen on by default?"
ASK_BOTH = "Which port does the HTTP server listen on by default and what is a LoRA adapter?"
ASK_HALF = "Which port does the HTTP server listen on by default and who painted Mona Lisa?"
ASK_NOTHING = "Who painted Mona Lisa?"
# Judgements of a hashing embedder are of no worth where a question shares few words with its answer.
ANYTHING = {"min_relevance": 0.0, "min_confidence": 0.0}


async def ask(loaded: Loaded, question: str, **fields: Any) -> Answer:
    """The answer to one question."""
    answer, _events = await ask_with_events(loaded, question, **fields)
    return answer


async def ask_with_events(loaded: Loaded, question: str, **fields: Any) -> tuple[Answer, list[AskEvent]]:
    """The answer, and what was told on the way; every block and every quote is where it is said to be."""
    events: list[AskEvent] = []
    request = AskRequest(question=question, **fields)
    answer = await loaded.agent.answer(request, "request-1", events.append)
    assert [answer.answer[item.start : item.end] for item in answer.blocks] == [item.text for item in answer.blocks]
    with loaded.corpora.lease() as corpus:
        for citation in answer.citations:
            text = corpus.store.chunks.text_of(citation.source)
            assert text is not None
            assert citation.quote == text[citation.start : citation.end]
            at = citation.start - citation.passage_start
            assert citation.quote == citation.passage[at : at + len(citation.quote)]
    return answer, events


def says(text: str, **fields: Any) -> ScriptedEngine:
    """An engine of unknown size that always says this."""
    return ScriptedEngine(lambda _prompt: text, **fields)


def steps(answer: Answer) -> list[tuple[str, str]]:
    """Name and decision of each step."""
    return [(step.name, step.decision) for step in answer.trace]


def blocks(answer: Answer) -> list[tuple[str, str, list[int]]]:
    """Kind, text and citations of each block."""
    return [(block.kind, block.text, block.citations) for block in answer.blocks]


def quotes(answer: Answer) -> list[str]:
    """What is cited, by number."""
    return [citation.quote for citation in answer.citations]
