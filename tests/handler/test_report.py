"""What a person reads in local mode."""

import io
from typing import Any

from rich.console import Console

from agent.engine.scripted import ScriptedEngine
from agent.errors import Overloaded
from agent.loading import Loaded
from agent.schemas import AskRequest, Nearest
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


def printed(result: dict[str, Any], question: object = "Which port?") -> str:
    stream = io.StringIO()
    report({"input": {"question": question}}, result, Console(file=stream, highlight=False))
    return stream.getvalue()


async def test_a_source_is_shown_with_its_headings_page_and_offsets(settings: Settings) -> None:
    """The number, where the quote stands, and the quote; the page only where the document has pages."""
    result = await result_of(settings, "Which port does the HTTP server listen on?")
    start = DOCUMENTS["guide.md"].index(SENTENCE)
    place = f"characters {start}-{start + len(SENTENCE)}"
    assert f"  [1] Guide — Guide > The server (guide.md, {place})\n      “{SENTENCE}”" in printed(result)
    result["citations"][0] |= {"page": 7}
    assert f"(guide.md, page 7, {place})" in printed(result)
    result["citations"][0] |= {"heading": "Guide"}
    assert "  [1] Guide (guide.md" in printed(result)
    assert "Reason" not in printed(result)


async def test_an_abstention_is_shown_with_its_reason_and_the_nearest_passages(settings: Settings) -> None:
    """Nothing else would tell what to ask instead."""
    result = await result_of(settings, "Who painted Mona Lisa?")
    text = printed(result)
    assert "Answer    The documents do not say." in text
    assert "Reason    out_of_corpus" in text
    assert len(result["nearest"]) == text.count("  near ")
    assert f"“{SENTENCE}”" in text
    text, passage = "x [bold]y\nz", ". x [bold]y\nz"
    page = Nearest(
        source="a.pdf", title="A", heading="", page=3, line=None, text=text, start=2, end=13, passage=passage,
        passage_start=0, score=0.5,
    )  # fmt: skip
    text = printed(result | {"nearest": [page.model_dump()]})
    assert "  near A (a.pdf, page 3, characters 2-13)\n      “x [bold]y z”" in text


def test_an_error_is_shown_with_its_code() -> None:
    """And the question, whatever it was."""
    caller = Caller(request_id="r-1", transport="queue")
    text = printed(failure_of(Overloaded(), caller), question=["not", "text"])
    assert "Error     overloaded: Too many questions at once." in text
    assert "Question  ['not', 'text']" in text
