"""What /docs and /openapi.json say, and that it is true."""

import re
from typing import Any

import httpx
import pytest

from agent import errors
from agent.errors import AskError
from agent.load_errors import LoadError
from agent.runtime import Runtime
from agent.schemas import Answer
from agent.settings import Settings
from agent.validation import parse_request
from local_server.problems import Problem
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import parse_events, problem, serving
from tools.swagger_screenshot import dangling_references


@pytest.fixture
def described(client: httpx.Client) -> dict[str, Any]:
    """The OpenAPI description."""
    return dict(client.get("/openapi.json").json())


@pytest.fixture
def operation(described: dict[str, Any]) -> dict[str, Any]:
    """POST /v1/ask in it."""
    return dict(described["paths"]["/v1/ask"]["post"])


def test_the_description_refers_to_nothing_that_is_missing(described: dict[str, Any]) -> None:
    """Swagger UI would show an error instead of a schema."""
    assert set() == dangling_references(described)
    assert {"/v1/ask", "/health", "/health/live", "/health/ready", "/health/startup"} == set(described["paths"])


def test_asking_needs_the_key(described: dict[str, Any], operation: dict[str, Any]) -> None:
    """The scheme is the X-API-KEY header; health routes have none."""
    (scheme,) = operation["security"]
    expected = {"type": "apiKey", "in": "header", "name": "X-API-KEY"}
    assert [expected] == [described["components"]["securitySchemes"][name] for name in scheme]
    assert "security" not in described["paths"]["/health"]["get"]


def test_every_example_request_is_valid(operation: dict[str, Any]) -> None:
    """In English and in Spanish."""
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert {"english", "spanish"} <= set(examples)
    for example in examples.values():
        parse_request(example["value"])


def test_every_example_answer_is_valid(operation: dict[str, Any]) -> None:
    """In English, in Spanish and without an answer, with offsets that fit; the streamed one ends with the answer."""
    content = operation["responses"]["200"]["content"]
    kinds = []
    for example in content["application/json"]["examples"].values():
        answer = Answer.model_validate(example["value"])
        kinds.append((answer.language, answer.reason))
        assert [sentence.text for sentence in answer.blocks] == [
            answer.answer[sentence.start : sentence.end] for sentence in answer.blocks
        ]
        for citation in answer.citations:
            assert len(citation.quote) == citation.end - citation.start
        assert all(len(nearest.text) == nearest.end - nearest.start for nearest in answer.nearest)
    assert [("en", None), ("es", None), ("en", "out_of_corpus")] == kinds
    assert "done" == parse_events(content["text/event-stream"]["example"].encode())[-1][0]


def test_every_error_is_documented(described: dict[str, Any], operation: dict[str, Any]) -> None:
    """Each code of the tree, under its status, with an example that is a problem as it would be sent."""
    documented = {}
    for status, response in operation["responses"].items():
        for code, example in response["content"].get("application/problem+json", {}).get("examples", {}).items():
            assert int(status) == example["value"]["status"]
            Problem.model_validate(example["value"])
            documented[code] = int(status)
    tree = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AskError)]
    codes = {error.code: error.status for error in tree}
    elsewhere = {"not_found": 404, "unknown_model": 404, "poison_job": 422}
    assert all(f"`{code}`" in described["info"]["description"] for code in elsewhere)
    assert codes == documented | elsewhere


def test_the_problem_schema_is_what_errors_are() -> None:
    """Every member of a problem is in the schema, and the other way round."""
    everything = errors.Overloaded(param="question", reason=LoadError.code)
    assert set(Problem.model_fields) == set(everything.problem("r-1"))


def test_the_page_fetches_nothing_from_outside(client: httpx.Client) -> None:
    """Its script, style and icon come from this server."""
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert 3 == len(assets)
    for asset in assets:
        assert asset.startswith("/swagger/")
        assert 200 == client.get(asset).status_code


def test_docs_can_be_turned_off(settings: Settings) -> None:
    """Page, description and assets are gone; questions are answered as before."""
    with serving(Runtime(settings.model_copy(update={"docs_enabled": False}), scripted_loader())) as client:
        for path in ("/docs", "/openapi.json", "/redoc", "/swagger/swagger-ui.css"):
            problem(client.get(path), 404, "not_found")
        assert 200 == client.post("/v1/ask", json={"question": "Hola"}).status_code
