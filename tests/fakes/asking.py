"""Asks the agents around a store, without a language model: every answer is a quote."""

import asyncio
from pathlib import Path
from typing import Any

from agent.engine.no_engine import NoEngine
from agent.loading import Loaded, assemble
from agent.retrieval.embedder import Embedder
from agent.schemas import Answer, AskRequest
from agent.settings import Settings
from agent.store.store import Store


def load_extractive(store: Path, embedder: Embedder) -> Loaded:
    """The agents as `BASE_MODEL=none` has them."""
    return assemble(NoEngine(), Store(store), embedder, Settings(rag_store=store))


def ask(loaded: Loaded, question: str, **fields: Any) -> Answer:
    """The answer to one question, in whichever thread this is."""
    request = AskRequest(question=question, **fields)
    return asyncio.run(loaded.agent.answer(request, "request-1", lambda _event: None))
