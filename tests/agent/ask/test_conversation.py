"""What a chat takes along."""

from agent.ask.conversation import Conversation
from agent.schemas import MAX_HISTORY, MAX_QUESTION_CHARS
from agent.validation import parse_request
from tests.agent.ask.answers import answered


def test_the_newest_turns_go_along_with_the_next_question() -> None:
    """As many as a request may have, oldest first."""
    said = Conversation()
    for number in range(MAX_HISTORY):
        said.add(f"Question {number}?", answered(f"{number} long"))
    request = parse_request({"question": "And now?", **said.fields()})
    assert MAX_HISTORY == len(request.history)
    assert ("user", f"Question {MAX_HISTORY // 2}?") == (request.history[0].role, request.history[0].content)
    assert ("assistant", f"{MAX_HISTORY - 1} long") == (request.history[-1].role, request.history[-1].content[:7])


def test_a_long_conversation_is_cut_at_its_beginning() -> None:
    """To messages that a request may have, and altogether to less than a server reads."""
    said = Conversation()
    for number in range(10):
        said.add(f"{number} " + "😀" * MAX_QUESTION_CHARS, answered(f"{number} " + "é" * 2 * MAX_QUESTION_CHARS))
    request = parse_request({"question": "And now?", **said.fields()})
    assert [("assistant", "8"), ("user", "9"), ("assistant", "9")][-len(request.history) :] == [
        (message.role, message.content[0]) for message in request.history
    ]
    assert all(len(message.content) == MAX_QUESTION_CHARS for message in request.history)
    assert 20_000 < sum(len(message.content.encode()) for message in request.history) < 32_000


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
