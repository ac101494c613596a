"""X-API-KEY: who may ask, and what the log calls them."""

import hashlib

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.errors import Unauthorized
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.auth import Keys
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import KEY, OTHER_KEY, QUESTION, connected, problem, serving


@pytest.mark.parametrize(
    "key", [b"", b"wrong", "clave-ñ".encode(), b"\xff\xfe", KEY.encode() + b"x", KEY[:-1].encode(), b"x" * 5000]
)
def test_a_wrong_key_is_refused(client: httpx.Client, key: bytes) -> None:
    """401, also when it is not ASCII, before the body is looked at."""
    response = client.post("/v1/ask", content=b"{", headers=[(b"X-API-KEY", key)])
    assert not problem(response, 401, "unauthorized")["retryable"]
    assert 'ApiKey header="X-API-KEY"' == response.headers["www-authenticate"]


def test_every_key_is_valid_and_none_or_two_at_once_are_not(client: httpx.Client) -> None:
    """Rotation works; a doubled header does not, even if both keys are valid."""
    url = f"{client.base_url}/v1/ask"
    statuses = [
        httpx.post(url, json={"question": QUESTION}, headers=headers).status_code
        for headers in ([("X-API-KEY", OTHER_KEY)], [], [("X-API-KEY", KEY), ("X-API-KEY", OTHER_KEY)])
    ]
    assert [200, 401, 401] == statuses


def test_the_key_is_checked_before_the_body_is_read(client: httpx.Client) -> None:
    """The refusal comes though the body never does."""
    with connected(client) as connection:
        connection.sendall(b"POST /v1/ask HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/docs", "/openapi.json", "/", "/page/main.js"]
)
def test_health_and_docs_need_no_key(client: httpx.Client, path: str) -> None:
    """They answer anybody, and without a word about keys."""
    response = httpx.get(f"{client.base_url}{path}")
    assert 200 == response.status_code
    assert KEY not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "//",
        "/pages",
        "/page/../v1/ask",
        "/v1/ask",
        "/healthy",
        "/docsx",
        "/openapi.jsonx",
        "/health/../v1/ask",
    ],
)
def test_every_other_path_needs_one(client: httpx.Client, path: str) -> None:
    """Also those that do not exist: nobody without a key learns which do."""
    problem(httpx.get(f"{client.base_url}{path}"), 401, "unauthorized")


def test_the_log_names_a_key_and_never_holds_it(client: httpx.Client, log: Log) -> None:
    """`k_` and the beginning of its SHA-256; nothing at all of a wrong key."""
    client.post("/v1/ask", json={"question": "Hola"})
    client.post("/v1/ask", json={"question": "Hola"}, headers={"X-API-KEY": "wrong-key"})
    key_ids = [line["key_id"] for line in log.lines("ask.done")]
    assert [f"k_{hashlib.sha256(KEY.encode()).hexdigest()[:8]}", None] == key_ids
    assert KEY not in log.text
    assert "wrong-key" not in log.text


def test_a_key_may_be_any_text() -> None:
    """Keys that are not ASCII work; they come as UTF-8."""
    keys = Keys([SecretStr("clave-ñ")])
    expected = f"k_{hashlib.sha256('clave-ñ'.encode()).hexdigest()[:8]}"
    assert expected == keys.find({"headers": [(b"x-api-key", "clave-ñ".encode())]}).id


def test_without_keys_nobody_may_ask() -> None:
    """An application made without keys refuses everybody, an empty key too."""
    with pytest.raises(Unauthorized):
        Keys([]).find({"headers": [(b"x-api-key", b"")]})


def test_without_keys_the_application_is_shut(settings: Settings) -> None:
    """Only AUTH_DISABLED=true opens it, whoever makes the application."""
    runtime = Runtime(settings.model_copy(update={"auth_disabled": False}), scripted_loader())
    with serving(runtime) as client:
        problem(client.post("/v1/ask", json={"question": "Hola"}), 401, "unauthorized")


def test_auth_disabled_lets_anybody_ask(settings: Settings, log: Log) -> None:
    """Also with a key that would be wrong; nobody has a key id then."""
    keyed = settings.model_copy(update={"auth_disabled": True, "api_keys": (SecretStr(KEY),)})
    with serving(Runtime(keyed, scripted_loader(ScriptedEngine()))) as client:
        assert 200 == client.post("/v1/ask", json={"question": "Hola"}, headers={"X-API-KEY": "any"}).status_code
    assert [None] == [line["key_id"] for line in log.lines("ask.done")]


@pytest.mark.parametrize("apart", [True, False])
def test_what_the_cache_knows_is_kept_apart_by_key_if_that_is_wished(apart: bool) -> None:
    """So that the time of an answer does not tell what the holder of another key has asked."""
    engine = ScriptedEngine()
    settings = Settings(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY)), port=0, cache_per_key=apart)
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        for key in (KEY, OTHER_KEY, KEY):
            client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": key}).raise_for_status()
    first, other, again = engine.salts
    assert first == again
    assert apart == (first != other)
