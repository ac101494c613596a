"""What a model repeats of our instructions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.prompts import grounded, rewriting, short
from agent.answering.prompts.instructions import repeats_instructions

SYSTEMS = [*grounded.SYSTEM.values(), *short.SYSTEM.values(), *rewriting.SYSTEM.values()]


@given(system=st.sampled_from(SYSTEMS), data=st.data())
def test_a_stretch_of_an_instruction_is_seen(system: str, data: st.DataObject) -> None:
    """Whatever stands around it, and however its letters are cased."""
    start = data.draw(st.integers(0, len(system) - 40))
    stretch = system[start : start + 40].strip()
    assert repeats_instructions(f"My rules: {stretch.upper()} and so on.")


@pytest.mark.parametrize("text", ["<<<6a7bd6c3", "The mark is 6a7bd6c3>>>"])
def test_a_mark_is_seen(text: str) -> None:
    """Nobody but us writes one."""
    assert repeats_instructions(text)


@pytest.mark.parametrize("text", ["", "The port is 8000.", "Answer the question.", "A helpful assistant", "a << 3 > b"])
def test_words_of_everybody_are_none(text: str) -> None:
    """A few words in a row are in every language's stock."""
    assert not repeats_instructions(text)
