"""Small talk or a question."""

import pytest

from agent.router import Router


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Hello", "greeting"),
        ("¡Hola!", "greeting"),
        ("buenos días", "greeting"),
        ("thank you very much", "thanks"),
        ("muchas gracias", "thanks"),
        ("hasta luego", "farewell"),
        ("Who are you?", "about"),
        ("Hello, how are you?", "about"),
        ("Hola, ¿qué tal?", "about"),
        ("Hello, which port does the server use?", "question"),
        ("Thanks, and the key?", "question"),
        ("What are LoRA adapters?", "question"),
        ("ok google", "question"),
        ("¿?", "question"),
    ],
)
def test_only_what_is_small_talk_as_a_whole_is_small_talk(said: str, kind: str) -> None:
    """A greeting before a question is still a question."""
    assert kind == Router().route(said, "en").kind
