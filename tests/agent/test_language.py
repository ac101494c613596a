"""The language of questions and of documents."""

import pytest

from agent.text.language import detect_language
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is LoRA?", "en"),
        ("default port", "en"),
        ("API_KEYS", "en"),
        ("hi", "en"),
        ("¿Qué es LoRA?", "es"),
        ("puerto por defecto", "es"),
        ("Como despliego en RunPod", "es"),
        ("hola", "es"),
        ("Gracias", "es"),
    ],
)
def test_short_questions(text: str, language: str) -> None:
    """A few words suffice; identifiers alone count as English."""
    assert language == detect_language(text)


def test_every_guide_is_in_the_language_of_its_folder() -> None:
    """An English guide that quotes Spanish stays English."""
    guides = sorted((ROOT / "docs").rglob("*.md"))
    assert ["es" if guide.parent.name == "es" else "en" for guide in guides] == [
        detect_language(guide.read_text(encoding="utf-8")) for guide in guides
    ]
