"""What a chat takes along."""

from agent.ask.conversation import Conversation
from agent.schemas import MAX_HISTORY, MAX_QUESTION_CHARS
from agent.validation import parse_request
from tests.agent.ask.answers import answered


def test_the_newest_turns_go_along_with_the_next_question() -> None:
    """As many as a request may have, oldest first, and each as long as it may be."""
    said = Conversation()
    for number in range(30):
        said.add(f"Question {number}?", answered(f"{number} " + "long " * MAX_QUESTION_CHARS))
    request = parse_request({"question": "And now?", **said.fields()})
    assert MAX_HISTORY == len(request.history)
    assert ("user", "Question 20?") == (request.history[0].role, request.history[0].content)
    assert ("assistant", "29 long") == (request.history[-1].role, request.history[-1].content[:7])


def test_what_is_forgotten_goes_along_no_more() -> None:
    """Nor is it the last answer."""
    said = Conversation()
    said.add("Question?", answered())
    said.forget()
    assert ({}, None) == (said.fields(), said.last)


def test_an_answer_of_no_words_is_no_turn() -> None:
    """A request with an empty message would be refused."""
    said = Conversation()
    said.add("Question?", answered(" "))
    assert [{"role": "user", "content": "Question?"}] == said.fields()["history"]
