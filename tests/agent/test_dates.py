"""Dates in the notations of English and Spanish."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text.dates import dates_in, with_iso_dates
from agent.text.facts import exact_tokens
from agent.text.words import terms

ENGLISH = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"]
SPANISH = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
]


@pytest.mark.parametrize(
    "text",
    [
        "5 March 2026", "March 5, 2026", "March 5th, 2026", "the 5th of March 2026", "5 Mar. 2026", "MARCH 5 2026",
        "5 de marzo de 2026", "5 de Marzo del 2026", "2026-03-05", "2026-3-5",
    ],
)  # fmt: skip
def test_one_day_is_one_day_in_every_notation(text: str) -> None:
    """As a fact and as a word to search for, whatever stands around it."""
    assert ["2026-03-05"] == dates_in(f"It opened on {text}, at noon.")
    assert "2026-03-05" in exact_tokens(f"It opened on {text}, at noon.")
    assert "2026-03-05" in terms(f"It opened on {text}, at noon.", "en")


@pytest.mark.parametrize("mark", ["/", ".", "-"])
def test_figures_stand_for_both_days_where_both_are_possible(mark: str) -> None:
    """Which of them is the month differs from country to country."""
    both, one = f"5{mark}3{mark}2026", f"25{mark}3{mark}2026"
    assert ["2026-03-05", "2026-05-03"] == dates_in(both)
    assert ["2026-03-25"] == dates_in(one) == dates_in(f"3{mark}25{mark}2026")
    assert (both, "2026-03-25") == (with_iso_dates(both), with_iso_dates(one))


@pytest.mark.parametrize("text", ["", "30 February 2026", "May 2026", "32/13/2026", "1.2.3.2026", "5 March"])
def test_what_is_no_day_is_none(text: str) -> None:
    """And stays as it is."""
    assert [] == dates_in(text)
    assert text == with_iso_dates(text)


@given(day=st.dates(date(1500, 1, 1), date(2999, 11, 30)).filter(lambda one: one.month < 12))
def test_every_day_is_read_in_both_languages(day: date) -> None:
    """By the names of the months."""
    for text in (
        f"{day.day} {ENGLISH[day.month - 1]} {day.year}",
        f"{ENGLISH[day.month - 1]} {day.day}, {day.year}",
        f"{day.day} de {SPANISH[day.month - 1]} de {day.year}",
    ):
        assert [day.isoformat()] == dates_in(text)
        assert day.isoformat() == with_iso_dates(text)


@given(
    text=st.lists(st.sampled_from(["5", " ", "March", "mayo", "2026", "-", "/", ".", "de ", ", ", "th"])).map("".join)
)
def test_no_text_is_an_error(text: str) -> None:
    """Whatever overlaps in it."""
    assert all(date.fromisoformat(found) for found in dates_in(text))
    with_iso_dates(text)


def test_a_long_text_takes_no_time() -> None:
    """Made for the patterns to go back and forth in."""
    started = time.process_time()
    for piece in ("5 March ", "5 de ", "1.2.", "2026 ", "march 5 "):
        dates_in(piece * 20_000 + "2026")
    assert time.process_time() - started < 5.0
