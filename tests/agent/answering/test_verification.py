"""What of a draft stands."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.verification import Verifier
from agent.schemas import Language
from tests.fakes.evidence import draft, evidence, evidence_in, passage

QUESTION = "Which port does the server use?"
PORT = evidence("The HTTP server of the house listens on port 8,000 by default.")
NEWTON = evidence(
    "Newton described universal gravitation and three laws of motion in the Principia, printed in London in 1687.",
    title="Physics",
    heading="Physics > Mechanics",
)


def kept(question: str, text: str, *allowed: object, complete: bool = True, language: Language = "en") -> list[str]:
    verdict = Verifier().verify(question, draft(text, allowed, complete=complete), language)  # type: ignore[arg-type]
    assert len(verdict.answer.blocks) == verdict.kept
    assert (verdict.evidence is None) == (verdict.kept == 0)
    return [sentence.text for sentence in verdict.answer.blocks]


@pytest.mark.parametrize(
    "text",
    [
        "The HTTP server of the house listens on port 8,000 by default.",
        "The HTTP server of the house listens on port 8000 by default.",
        "By default, the HTTP server listens on port 8000.",
        "the server listens by default on port 8000",
        "[1] The HTTP server listens on port 8000 by default [1].",
    ],
)
def test_what_the_source_says_stands(text: str) -> None:
    """In its words, in another order, and with thousands written in another way."""
    assert 1 == len(kept(QUESTION, text, PORT))


@pytest.mark.parametrize(
    "text",
    [
        "The HTTP server of the house listens on port 9000 by default.",
        "The HTTP server of the house listens on port -8000 by default.",
        "The HTTP server of the house listens on port HTTP_PORT by default.",
        "The HTTP server of the Duke listens on port 8000 by default.",
        "The HTTP server of the house does not listen on port 8000 by default.",
        "The HTTP server never listens on port 8000 by default.",
        "The FTP server of the house listens on port 8000 by default.",
        "The server uses a port.",
        "Which port does the server use?",
        "Which port does the HTTP server use?",
        "By default by default by default by default by default port 8000 8000 8000.",
        "Bananas are yellow.",
        "",
        "[1]",
        "# Port 8000",
    ],
)
def test_what_the_source_does_not_say_is_dropped(text: str) -> None:
    """Another number, sign, identifier, name or word; a denial; the question again; one phrase over and over."""
    assert [] == kept(QUESTION, text, PORT)


def test_a_name_that_opens_a_long_sentence_is_looked_for_too() -> None:
    """One wrong word in ten would pass as a word, and is not one."""
    question, said = "Who described gravitation?", NEWTON.sentence.text
    assert [said] == kept(question, said, NEWTON)
    assert [] == kept(question, said.replace("Newton", "Einstein"), NEWTON)


def test_names_of_the_headings_may_be_used() -> None:
    """A sentence under a heading does not repeat what it is about."""
    item = evidence("The port is 8000.", heading="Askpod > Server", title="Askpod")
    assert ["In Askpod the port is 8000."] == kept("Which port?", "In Askpod the port is 8000.", item)
    assert [] == kept("Which port?", "In Nginx the port is 8000.", item)


def test_a_denial_needs_a_source_that_denies() -> None:
    """And the other way round."""
    item = evidence("The server does not log the questions of its callers.")
    question = "What does the server log?"
    assert 1 == len(kept(question, "The server does not log the questions of its callers.", item))
    assert [] == kept(question, "The server logs the questions of its callers.", item)


def test_a_draft_in_another_language_is_dropped() -> None:
    """What was asked for in Spanish is answered in Spanish; and in English what was asked for in English."""
    spanish = evidence("El servidor HTTP escucha en el puerto 8000 por defecto.", language="es")
    text = spanish.sentence.text
    assert [text] == kept("¿En qué puerto escucha?", text, spanish, language="es")
    assert [] == kept("Which port is it?", text, spanish, language="en")
    assert [] == kept("¿En qué puerto escucha?", PORT.sentence.text, PORT, language="es")


def test_a_sentence_that_was_cut_is_dropped() -> None:
    """The last one of a draft that ran out of tokens."""
    text = "The HTTP server listens on port 8000 by default. The HTTP server of the house listens on port 8000"
    assert ["The HTTP server listens on port 8000 by default."] == kept(QUESTION, text, PORT, complete=False)
    assert [] == kept(QUESTION, PORT.sentence.text, PORT, complete=False)


def test_a_sentence_is_said_once() -> None:
    """However often the draft says it."""
    said = PORT.sentence.text
    assert [said] == kept(QUESTION, f"{said} {said}", PORT)


def test_each_sentence_has_its_own_support() -> None:
    """The good ones stay with their citations and the bad one goes; the answer rests on the first one's evidence."""
    allowed = evidence_in(passage("The port of the server is 8000.", "A key is sent in the X-API-KEY header."))
    sound = "The port of the server is 8000.", "The key is sent in the X-API-KEY header."
    text = f"{sound[0]} The key is sent in the X-API-TOKEN header. {sound[1]}"
    verdict = Verifier().verify("Which port, and which header has the key?", draft(text, allowed), "en")
    assert f"{sound[0]} [1]\n\n{sound[1]} [2]" == verdict.answer.text
    dropped = ("The key is sent in the X-API-TOKEN header.",)
    assert (2, dropped, allowed[0]) == (verdict.kept, verdict.dropped, verdict.evidence)
    assert [citation.quote for citation in verdict.answer.citations] == [item.sentence.text for item in allowed]


def test_the_sentence_that_supports_best_is_cited() -> None:
    """Among equals the one the model picked, which comes first."""
    weaker, better = evidence_in(passage("The port is 8000 by default now.", "The port is 8000 by default, says Bob."))
    verdict = Verifier().verify("Which port?", draft("The port is 8000 by default, says Bob.", [weaker, better]), "en")
    assert better == verdict.evidence
    verdict = Verifier().verify("Which port?", draft("The port is 8000 by default.", [better, weaker]), "en")
    assert better == verdict.evidence


def test_nothing_is_kept_without_evidence() -> None:
    """A draft that may rest on nothing is nothing."""
    assert [] == kept(QUESTION, PORT.sentence.text)


SENTENCES = (
    "The port is 8000.",
    "The port [2] is 8000.",
    "The key goes in items[0] of the list.",
    "It was built in 1990.[3]",
    "[4] It was built in 1990.",
    "Alice and Bob wrote it.",
)


@given(
    said=st.lists(st.sampled_from(SENTENCES) | st.text(alphabet="aP8 .[1]\n-#|", max_size=20), max_size=5),
    sources=st.lists(st.sampled_from(SENTENCES), min_size=1, unique=True),
    complete=st.booleans(),
)
def test_offsets_and_numbers_fit_whatever_the_draft_is(said: list[str], sources: list[str], complete: bool) -> None:
    """`answer[start:end]` is each sentence, and every number in square brackets has its citation, and the other way."""
    verdict = Verifier().verify("What?", draft(" ".join(said), evidence_in(passage(*sources)), complete=complete), "en")
    answer = verdict.answer
    assert all(answer.text[item.start : item.end] == item.text for item in answer.blocks)
    assert {str(citation.id) for citation in answer.citations} == set(re.findall(r"\[(\d+)\]", answer.text))
    assert {citation.quote for citation in answer.citations} <= set(sources)
    assert 0.0 <= verdict.support <= 1.0
