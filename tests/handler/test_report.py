"""What a person reads in local mode."""

import io
from typing import Any

from rich.console import Console

from agent.engine.scripted import ScriptedEngine
from agent.errors import ModelUnavailable, Overloaded
from agent.loading import Loaded
from agent.schemas import AskRequest
from agent.settings import Settings
from agent.telemetry.request_line import Caller
from handler.envelope import failure_of, output_of
from handler.report import report
from tests.fakes.loading import scripted_loader

SENTENCE = "The HTTP server listens on port 8000 by default."
DOCUMENTS = {"guide.md": f"# Guide\n\n## The server\n\n{SENTENCE}\n", "plain.md": "# Plain\n\nNothing but words.\n"}


async def result_of(settings: Settings, question: str) -> dict[str, Any]:
    loaded: Loaded = scripted_loader(ScriptedEngine(lambda _prompt: SENTENCE), DOCUMENTS)(
        settings, lambda _n, _ms: None
    )
    try:
        return output_of(await loaded.agent.answer(AskRequest(question=question), "r-1", lambda _event: None))
    finally:
        loaded.close()


def printed(result: dict[str, Any], question: object = "Which port?", not_loaded: dict[str, str] | None = None) -> str:
    stream = io.StringIO()
    report({"input": {"question": question}}, result, Console(file=stream, highlight=False), not_loaded)
    return stream.getvalue()


async def test_the_answer_is_shown_under_its_question(settings: Settings) -> None:
    """As `python -m agent.ask` prints it: the number, where the quote stands, and the quote."""
    result = await result_of(settings, "Which port does the HTTP server listen on?")
    text = printed(result)
    assert text.startswith(f"\nQuestion  Which port?\n\n{SENTENCE} [1]\n\n")
    assert f"  [1] guide.md:5  Guide > The server\n      “{SENTENCE}”" in text
    assert "Reason" not in text


async def test_an_abstention_is_shown_with_its_reason_and_the_nearest_passages(settings: Settings) -> None:
    """Nothing else would tell what to ask instead."""
    result = await result_of(settings, "Who painted Mona Lisa?")
    text = printed(result)
    assert "The documents do not say.\n\nReason    out_of_corpus: " in text
    assert len(result["nearest"]) == text.count("\n  - ")
    assert f"“{SENTENCE}”" in text


def test_an_error_is_shown_with_its_code_and_what_was_not_loaded() -> None:
    """And the question, whatever it was."""
    caller = Caller(request_id="r-1", transport="queue")
    text = printed(failure_of(Overloaded(), caller), question=["not", "text"])
    assert "Error     overloaded: Too many questions at once." in text
    assert "Question  ['not', 'text']" in text
    why = {"code": "store_missing", "message": "There is no store."}
    text = printed(failure_of(ModelUnavailable(reason="store_missing"), caller), not_loaded=why)
    assert "\n      store_missing: There is no store.\n" in text
