"""BASE_MODEL=none: the real loader, the real embedder, the real server, and no language model."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.runtime import Runtime
from agent.schemas import Answer
from agent.settings import EMBEDDED_EMBEDDER, NO_MODEL, Settings
from tests.conftest import ROOT
from tests.local_server.serving import events_of, problem, serving


@pytest.fixture(scope="module")
def quoting(real_store: Path) -> Iterator[httpx.Client]:
    """A client of a server that was started without a language model."""
    settings = Settings(
        base_model=NO_MODEL, embedding_model=str(ROOT / EMBEDDED_EMBEDDER), rag_store=real_store, port=0,
        auth_disabled=True,
    )  # fmt: skip
    with serving(Runtime(settings)) as client:
        yield client


@pytest.mark.parametrize(
    ("question", "wanted", "language"),
    [
        ("Which header carries the API key?", "X-API-KEY", "en"),
        ("¿Qué cabecera lleva la clave de la API?", "X-API-KEY", "es"),
        ("Which port does the HTTP server listen on?", "8000", "en"),
    ],
)
def test_a_question_is_answered_with_a_quote(quoting: httpx.Client, question: str, wanted: str, language: str) -> None:
    """In auto and in extractive alike, with its source."""
    auto, extractive = (
        Answer.model_validate_json(quoting.post("/v1/ask", json={"question": question, "mode": mode}).content)
        for mode in ("auto", "extractive")
    )
    assert auto.answer == extractive.answer
    assert wanted in auto.answer
    assert (language, "none", 0) == (auto.language, auto.model, auto.usage.completion_tokens)
    assert {number for block in auto.blocks for number in block.citations} == {item.id for item in auto.citations}
    assert auto.grounded


def test_generative_is_refused(quoting: httpx.Client) -> None:
    """422 no_language_model."""
    body = {"question": "Which header carries the API key?", "mode": "generative"}
    problem(quoting.post("/v1/ask", json=body), 422, "no_language_model")


def test_chat_and_questions_about_the_documents_are_answered(quoting: httpx.Client) -> None:
    """By prototypes, in the caller's language, without a source; what the documents are not about is not answered."""
    said = ("Tell me something funny", "What documents do you have?", "Who won the football world cup of 1986?")
    chat, corpus, unknown = (quoting.post("/v1/ask", json={"question": text}).json() for text in said)
    assert ("smalltalk", "corpus", "question") == (chat["route"], corpus["route"], unknown["route"])
    assert "The HTTP API" in corpus["answer"]
    assert (True, []) == (unknown["abstained"], unknown["citations"])
    assert unknown["nearest"]


def test_an_answer_streams_without_deltas(quoting: httpx.Client) -> None:
    """Steps, sources and the final answer."""
    names = [name for name, _data in events_of(quoting, question="Which header carries the API key?")]
    assert ["status", "status", "sources", "status", "status"] == names[:5]
    assert ["citation", "verification", "final", "done"] == names[-4:]
    assert "delta" not in names


def test_health_says_that_there_is_no_model(quoting: httpx.Client) -> None:
    """Ready all the same."""
    body = quoting.get("/health").json()
    assert (True, "none", []) == (body["ready"], body["loaded"]["model"], body["loaded"]["adapters"])
