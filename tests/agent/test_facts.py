"""Numbers, identifiers, names and denials in a sentence."""

import time

import pytest

from agent.schemas import Language
from agent.text.facts import exact_tokens, names, negates


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It has 8,000 users.", {"8000"}),
        ("Tiene 8.000 usuarios.", {"8000"}),
        ("It has 8000 users.", {"8000"}),
        ("1,234,567 people", {"1234567"}),
        ("About 3.14 and 3,5.", {"3.14", "3,5"}),
        ("Between 50 % and 60%", {"50", "60"}),
        ("It falls to -5 degrees, from 10.", {"-5", "10"}),
        ("It falls to −5 degrees.", {"-5"}),
        ("In 1914-1918, at 10:30 on 2026-11-24.", {"1914-1918", "10:30", "2026-11-24"}),
        ("Set API_KEYS and top_k.", {"api_keys", "top_k"}),
        ("Send it to v1/ask/now.", {"v1/ask/now"}),
        ("Cats and/or dogs.", set()),
    ],
)
def test_numbers_and_identifiers(text: str, tokens: set[str]) -> None:
    """Thousands are the same with and without separators, in either language; a sign is part of a number."""
    assert tokens == exact_tokens(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Newton met Edmond Halley in Cambridge.", {"edmond", "halley", "cambridge"}),
        ("¿Quién fue Ángel Ñusta?", {"angel", "nusta"}),
        ("The X-API-KEY header.", {"x-api-key"}),
        ("nothing here", set()),
    ],
)
def test_names(text: str, found: set[str]) -> None:
    """Capitalised words, folded; the first word of a text has its capital from its place."""
    assert found == names(text)


@pytest.mark.parametrize(
    ("text", "language", "denied"),
    [
        ("The port is not open.", "en", True),
        ("The port isn't open.", "en", True),
        ("It runs without a GPU.", "en", True),
        ("See No. 5 of the notes.", "en", False),
        ("The port is open.", "en", False),
        ("El puerto no está abierto.", "es", True),
        ("Funciona sin GPU.", "es", True),
        ("El puerto está abierto.", "es", False),
    ],
)
def test_denials(text: str, language: Language, denied: bool) -> None:
    """A "no" that numbers something denies nothing."""
    assert denied == negates(text, language)


@pytest.mark.parametrize("piece", ["a-", "a", "1-", "a/", "A-", "_"])
def test_no_text_takes_long(piece: str) -> None:
    """A source sentence may be anything."""
    started = time.process_time()
    exact_tokens(piece * 50_000)
    assert time.process_time() - started < 3


def test_months_and_numbers_in_words_are_exact() -> None:
    """One month or number for another is another fact, however many words agree."""
    assert not exact_tokens("el 5 de marzo de 2020") <= exact_tokens("el 5 de mayo de 2020")
    assert not exact_tokens("three witnesses") <= exact_tokens("two witnesses")
