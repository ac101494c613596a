"""What a set of answers comes to, and how the card says it."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from agent.engine.provenance import Provenance
from training.card import card
from training.figures import Figures, Row


def row(**changes: Any) -> Row:
    """A right answer to an answerable question."""
    known: dict[str, Any] = {
        "language": "en", "answerable": True, "picked": 1, "nothing": 0.1, "finds_nothing": False, "certainty": 0.9,
        "retrieval": 0.8, "agrees": True, "picked_right": True, "ranked_right": True, "f1": 1.0, "em": 1.0,
        "copied": True, "tokens": 6, "ms": 10.0,
        "answered": True, "right": True, "quotes": 1, "valid": 1, "confidence": 0.9, "grammar": True, "f1_gold": 1.0,
        "em_gold": 1.0,
    }  # fmt: skip
    return Row(**(known | changes))  # type: ignore[typeddict-item]


ABSTAINED = {
    "finds_nothing": True, "f1": 0.0, "em": 0.0, "copied": False, "answered": False, "right": False, "quotes": 0,
    "valid": 0,
}  # fmt: skip
NEAR = {"answerable": False, "right": False, "f1_gold": None, "em_gold": None}


def test_figures_are_over_the_questions_that_they_are_about() -> None:
    """F1 over answerable ones; refusals over the others; grammar over all."""
    rows = [
        row(), row(**ABSTAINED, nothing=0.6, confidence=0.2), row(**NEAR, nothing=0.4, confidence=0.5, grammar=False),
        row(**NEAR | ABSTAINED, nothing=0.9, confidence=0.1),
    ]  # fmt: skip
    figures = Figures.of(rows)
    assert (4, 0.5, 0.5, 1.0) == (figures.questions, figures.f1, figures.em, figures.f1_gold)
    assert (0.5, 0.5, 0.5, 0.5) == (figures.said_nothing, figures.saw_through, figures.answered, figures.refused)
    assert (0.75, 0.75, 0.75) == (figures.near_miss, figures.confidence, figures.grammar)
    assert (0.5, 1.0) == (figures.copied, figures.quotes_valid)


def test_a_quote_that_is_not_its_source_shows() -> None:
    """One of three is two thirds."""
    assert pytest.approx(2 / 3) == Figures.of([row(quotes=3, valid=2)]).quotes_valid


def test_without_questions_there_are_no_figures() -> None:
    """And none is made up."""
    figures = asdict(Figures.of([]))
    assert {(None, None)} == set(figures.pop("least_confidence").values())
    assert {None, 0} == set(figures.values())


def test_figures_tell_what_a_higher_least_confidence_would_do() -> None:
    """Fewer right answers, more refusals."""
    rows = [row(confidence=0.35), row(confidence=0.9, right=False), row(**NEAR, confidence=0.15)]
    of = Figures.of(rows).least_confidence
    assert [(0.5, 0.0), (0.5, 1.0), (0.5, 1.0), (0.0, 1.0)] == [of[least] for least in ("0.1", "0.2", "0.3", "0.4")]


def provenance(base: Figures, adapter: Figures) -> Provenance:
    training = {"examples": 7, "tokens": 1000, "rank": 16, "learning_rate": 0.001, "steps": 3, "batch": 4,
                "tokens_per_second": 190, "held_out_loss": 0.5}  # fmt: skip
    environment = {
        "cpu": "A CPU",
        "cores": 2,
        "gpu": None,
        "date": "2026-11-24T10:00:00+00:00",
        "command": "evaluate",
        "settings": {"top_k": "4"},
    }
    figures = {
        "sets": {"dev.en": {"base": asdict(base), "adapter": asdict(adapter), "shared": asdict(adapter)}},
        "environment": environment,
    }
    return Provenance("small", "f", "p", "d", 0, "2026-11-24", {}, training, None, figures)


def test_the_card_says_where_the_adapter_is_worse() -> None:
    """Figure, both numbers; of tokens and times neither more nor less is better."""
    worse = row(f1=0.5, tokens=60, ms=99.0)
    text = card(provenance(Figures.of([row(), row(**NEAR)]), Figures.of([worse, row(**NEAR)])))
    assert "| F1 on answerable questions, retrieved sentences | 1.000 | 0.500 |" in text
    found = text.split("## Where it is worse than the base")[1].strip().splitlines()
    assert ["- dev.en: F1 on answerable questions, retrieved sentences, 0.500 against 1.000"] == found[2:]
    assert "On the questions that both were asked: 2 of dev.en." == found[0]


def test_the_card_says_what_an_adapter_was_trained_further_from() -> None:
    """Its name, and what it had seen; an adapter of another maker has not told."""
    known = provenance(Figures.of([row()]), Figures.of([row()]))
    assert "Training began with" not in card(known)
    earlier = {"adapter": "ask", "training": {"steps": 365, "examples": 7002}}
    for origin, text in ((earlier, "`ask`, which had 365 steps on 7002 examples."), ({"adapter": "ask"}, "`ask`.")):
        further = replace(known, training={**known.training, "from": origin})
        assert f"Training began with the adapter {text}" in card(further)


def test_the_card_says_when_it_is_worse_nowhere() -> None:
    """And names machine, date and command."""
    text = card(provenance(Figures.of([row(), row(**NEAR)]), Figures.of([row(), row(**NEAR)])))
    assert "Nowhere in these tables." in text
    assert "A CPU, 2 cores, 2026-11-24, `evaluate`, `TOP_K=4`." in text
