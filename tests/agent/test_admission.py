"""Who is let in."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.admission import Admission
from agent.answering.budgets import UsualTokens
from agent.errors import Overloaded
from agent.schemas import AskRequest, Message

USUAL = UsualTokens(1024, 96)
SHORT = AskRequest(question="Which port?")
LONG = AskRequest(question="Which port?", history=[Message(role="user", content="x" * 4000)] * 20)


def test_a_question_takes_places_by_its_length() -> None:
    """A usual one takes one; twenty turns of 4,000 characters take many, and so does a long answer."""
    admission = Admission(48, USUAL)
    longest = AskRequest(question="Which port?", max_tokens=2048)
    assert [1, 21, 3] == [admission.places_for(request) for request in (SHORT, LONG, longest)]


def test_a_question_that_needs_more_places_than_there_are_takes_all() -> None:
    """It is not refused for ever."""
    admission = Admission(4, USUAL)
    with admission.place(LONG):
        assert admission.full
        with pytest.raises(Overloaded), admission.place(SHORT):
            pass
    with admission.place(SHORT):
        assert (False, 1) == (admission.full, admission.running)


@given(st.lists(st.sampled_from([SHORT, LONG, None]), max_size=60))
def test_places_are_never_more_than_there_are_and_all_come_back(asked: list[AskRequest | None]) -> None:
    """Whatever comes and goes; None is one that leaves."""
    admission, running = Admission(30, USUAL), list[ExitStack]()
    for request in asked:
        if request is None:
            if running:
                running.pop(0).close()
            continue
        stack = ExitStack()
        try:
            stack.enter_context(admission.place(request))
        except Overloaded:
            continue
        running.append(stack)
        assert admission.running == len(running)
    for stack in running:
        stack.close()
    with admission.place(LONG):
        assert 1 == admission.running
