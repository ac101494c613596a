"""What the log does not say."""

import io
import json
import logging

import pytest
from pydantic import SecretStr

from agent.settings import Settings
from agent.telemetry.logs import configure_logging, get_logger


def logged(settings: Settings, message: str) -> str:
    """The one line that a library leaves."""
    stream = io.StringIO()
    configure_logging(settings, stream)
    logging.getLogger("some.library").warning(message)
    get_logger().info("ours", said={"inner": message})
    return stream.getvalue()


@pytest.mark.parametrize("secret", ['sesame-"quoted"-1', "sesame-ñ-12", "sesame-plain-1"])
def test_secrets_are_redacted_whoever_writes_them(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """Keys of the settings and of the environment, as they are and as JSON has them; the rest of the line stays."""
    monkeypatch.setenv("THEIR_API_KEY", "environment-secret")
    lines = logged(Settings(api_keys=(SecretStr(secret),)), f"before {secret} and environment-secret after")
    assert secret not in lines
    assert json.dumps(secret)[1:-1] not in lines
    assert "environment-secret" not in lines
    for line in lines.splitlines():
        assert "before [redacted] and [redacted] after" in json.dumps(json.loads(line))


def test_a_short_secret_does_not_blot_out_the_log() -> None:
    """`true` may be the value of a variable whose name has TOKEN in it."""
    assert "a true word" in logged(Settings(api_keys=(SecretStr("true"),)), "a true word")


def test_an_exception_says_only_how_it_begins() -> None:
    """What follows may be what a library was given."""
    stream = io.StringIO()
    configure_logging(Settings(), stream)
    try:
        raise ValueError("could not read: " + "x" * 200 + "the question")
    except ValueError:
        get_logger().exception("failed")
    assert "could not read" in stream.getvalue()
    assert "the question" not in stream.getvalue()
