"""What the words of the command line ask for."""

from typing import Any

import pytest

from agent.ask.address import Address
from agent.ask.options import Options
from agent.schemas import AskRequest


def read(*words: str, can_chat: bool = False) -> Options:
    return Options.of(words, can_chat=can_chat)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ((), {}),
        (("--extractive",), {"mode": "extractive"}),
        (("--generative", "--adapter", "ask"), {"mode": "generative", "adapter": "ask"}),
        (("--adapter", "none"), {"adapter": None}),
        (("--filter", "language=en", "--filter", "title=a=b"), {"filters": {"language": "en", "title": "a=b"}}),
        (("--language", "es", "--top-k", "7"), {"language": "es", "top_k": 7}),
        (("--max-tokens", "9", "--temperature", "0", "--seed", "3"), {"max_tokens": 9, "temperature": 0.0, "seed": 3}),
        (("--timeout", "1.5"), {"timeout_s": 1.5}),
    ],
)
def test_an_option_is_a_field_of_the_request(words: tuple[str, ...], fields: dict[str, Any]) -> None:
    """Of those that were given, and no other: the service has its own defaults."""
    options = read("Why?", *words)
    assert fields == dict(options.fields)
    assert fields == AskRequest(question="Why?", **options.fields).model_dump(include=set(fields))


def test_words_without_quotes_are_one_question() -> None:
    """What stands behind two hyphens is no option."""
    assert ("Which port is it?", None) == (read("Which", "port", "is", "it?").question, read().question)
    assert "--json is what?" == read("--", "--json", "is", "what?").question


def test_a_server_is_asked_with_the_key_of_a_variable() -> None:
    """No option takes a key: all the machine's users could read it in the list of processes."""
    options = read("Why?", "--server", "http://127.0.0.1:8000/", "--key-env", "MY_KEY")
    assert (Address("http://127.0.0.1:8000", False), "MY_KEY") == (options.server, options.key_env)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--filter", "language"), "FIELD=VALUE"),
        (("--filter", "=en"), "FIELD=VALUE"),
        (("--filter", "language=en", "--filter", "language=es"), "one value only"),
        (("--top-k", "many"), "--top-k"),
        (("--extractive", "--generative"), "not allowed with"),
        (("--language", "fr"), "--language"),
        (("--server", "file:///etc/passwd"), "http:// or https://"),
        (("--key", "secret"), "unrecognized arguments"),
        (("--extract",), "unrecognized arguments"),
    ],
)
def test_a_word_that_is_wrong_ends_with_status_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says which one it was."""
    with pytest.raises(SystemExit) as ended:
        read("Why?", *words)
    assert 2 == ended.value.code
    assert said in capsys.readouterr().err


def test_json_is_for_one_question(capsys: pytest.CaptureFixture[str]) -> None:
    """A chat has no use for it; a question that is piped in has."""
    with pytest.raises(SystemExit):
        read("--json", can_chat=True)
    assert "--json needs a QUESTION" in capsys.readouterr().err
    assert read("--json").as_json
