"""The ask page with the real embedded models, and what it gives to copy, run as it is."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import expect
from pydantic import SecretStr

from agent.runtime import Runtime
from agent.settings import Settings
from tests.conftest import ROOT
from tests.local_server.serving import KEY, serving
from tests.local_server.web.conftest import Open
from tests.local_server.web.visit import Visit

# With what shells, JSON and Python each have their own mind about.
QUESTION = 'What\'s the HTTP header that carries the `API` "key" in $HOME\\n?'


@pytest.fixture(scope="module")
def server(real_models: object, real_store: object) -> Iterator[httpx.Client]:
    """A server with a key, on the embedded models and the API guides."""
    settings = Settings(
        base_model=str(ROOT / "models/SmolLM2-135M-Instruct"),
        embedding_model=str(ROOT / "models/multilingual-e5-small"),
        rag_store=real_store,
        lora_model=f"ask={ROOT / 'adapters/smollm2-ask'}",
        api_keys=(SecretStr(KEY),),
        port=0,
    )
    with ExitStack() as started:
        yield started.enter_context(serving(Runtime(settings), until_ready=False))


def test_a_visitor_with_a_key_gets_a_cited_answer_and_sees_where_it_is_from(server: httpx.Client, visit: Open) -> None:
    """The page asks for the key, waits for the models, answers, and marks the sentence."""
    seen = visit(server)
    seen.enter_key()
    expect(seen.page.locator("#state-name")).to_have_text("ready", timeout=120_000)
    seen.page.set_default_timeout(60_000)
    turn = seen.ask("Which HTTP header carries the API key?")
    assert "X-API-KEY" in turn.locator(".words").inner_text()
    assert "Confidence" in turn.locator(".confidence").inner_text()
    turn.locator(".chip").first.click()
    mark = seen.page.locator("mark").first
    expect(mark).to_be_in_viewport()
    place = seen.page.locator(".source .place").first.inner_text()
    guide = (ROOT / "docs" / place.split(",")[0]).read_text(encoding="utf-8")
    quote = mark.text_content()
    assert quote
    assert "X-API-KEY" in quote
    assert quote in guide
    line = int(place.rsplit(" ", 1)[1])
    assert quote.splitlines()[0] in guide.splitlines()[line - 1]
    unknown = seen.ask("¿Quién pintó la Mona Lisa?")
    assert "Not in the documents" in unknown.inner_text()
    seen.page.locator("#state summary").click()
    assert "SmolLM2-135M-Instruct + ask" in seen.text("#state-details")


@pytest.fixture
def copied(server: httpx.Client, visit: Open) -> Visit:
    """A page with an answer to copy the question of."""
    seen = visit(server, permissions=["clipboard-read", "clipboard-write"])
    seen.enter_key()
    seen.page.set_default_timeout(120_000)
    seen.ask(QUESTION)
    return seen


@pytest.mark.parametrize("name", ["curl", "job", "python"])
def test_what_is_copied_runs_as_it_is(copied: Visit, name: str) -> None:
    """In a shell with the key in its environment, quotes and all: the same answer."""
    answer = copied.page.locator(".words").text_content() or ""
    copied.page.locator(f'[data-copy="{name}"]').click()
    expect(copied.page.get_by_text("Copied. It takes the key from the variable API_KEY")).to_be_visible()
    code = copied.run("navigator.clipboard.readText()")
    command = [sys.executable, "-c", code] if name == "python" else ["bash", "-c", code]
    environment = os.environ | {"API_KEY": KEY, "RUNPOD_LOG_LEVEL": "ERROR"}
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=environment)
    told = run.stdout.strip()
    if name != "python":
        body = json.loads(told)
        told = (body if name == "curl" else body["output"])["answer"]
    letters = re.compile(r"[^A-Za-z]+")
    assert letters.sub("", told)
    assert letters.sub("", answer) == letters.sub("", told)
