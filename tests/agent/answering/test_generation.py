"""One generation: what was written, why it ended, what it took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.generation import Generation, Generator, repeats
from agent.engine.scripted import ScriptedEngine


async def generate(engine: ScriptedEngine, max_tokens: int = 500) -> tuple[Generation, str]:
    """The generation, and what the caller saw of it."""
    shown: list[str] = []
    messages = [{"role": "user", "content": "Say it."}]
    made = await Generator(engine).generate(messages, max_tokens=max_tokens, adapter=None, on_text=shown.append)
    return made, "".join(shown)


@pytest.mark.parametrize(
    "unit", ["The port is 8000. ", "- the same item\n", "| a | b | c |\n", "word and word, ", "x" * 239 + "\n"]
)
def test_a_stretch_that_is_said_three_times_in_a_row_repeats(unit: str) -> None:
    """Of 12 to 240 characters, whatever stands before it."""
    assert repeats(f"It begins well.\n{unit * 3}")
    assert not repeats(f"It begins well.\n{unit * 2}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "| 1 | 2 | 3 |\n| 2 | 3 | 4 |\n| 3 | 4 | 5 |\n",
        "- one item\n- two items\n- three items\n- four items\n",
        "no no no no no no ",
        ("x" * 240 + "\n") * 3,
        "and so on, and so on, and so on, and so o",
    ],
)
def test_what_only_resembles_is_no_repetition(text: str) -> None:
    """Rows and items of one pattern; a short word; what is longer than any phrase; a word that is not yet whole."""
    assert not repeats(text)


@given(lines=st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True))
def test_lines_that_differ_do_not_repeat(lines: list[int]) -> None:
    """However many there are of one form."""
    assert not repeats("".join(f"- the value number {line} of all\n" for line in lines))


@given(text=st.text(max_size=300), unit=st.text(min_size=12, max_size=40))
def test_repetition_is_found_behind_any_text(text: str, unit: str) -> None:
    """At the end of a line."""
    assert repeats(f"{text}{(unit + chr(10)) * 3}")


async def test_a_model_that_repeats_itself_for_ever_is_stopped() -> None:
    """Long before it has used its tokens; the engine is told to stop."""
    engine = ScriptedEngine(lambda _prompt: "Oak is hard. " + "The port of the server is 8000. " * 1000)
    made, shown = await generate(engine, max_tokens=2000)
    assert (False, True, 1) == (made.complete, made.repeated, engine.cancelled)
    assert made.text == shown
    assert made.usage.completion_tokens < 30


async def test_a_generation_says_how_it_ended_and_what_it_cost() -> None:
    """Complete when the model ended by itself; the caller has seen all of it."""
    whole, shown = await generate(ScriptedEngine(lambda _prompt: "The port is 8000."))
    cut, _ = await generate(ScriptedEngine(lambda _prompt: "The port is 8000."), max_tokens=2)
    assert ("The port is 8000.", True, False, 4) == (
        shown, whole.complete, whole.repeated, whole.usage.completion_tokens,
    )  # fmt: skip
    assert ("The port ", False, False, 2) == (cut.text, cut.complete, cut.repeated, cut.usage.completion_tokens)
    assert whole.first_token_ms is not None
    assert 0.0 <= whole.first_token_ms <= whole.generation_ms


async def test_a_model_that_says_nothing_is_not_complete() -> None:
    """There is no first token, and nothing fails."""
    made, shown = await generate(ScriptedEngine(lambda _prompt: ""))
    assert ("", "", False, None) == (made.text, shown, made.complete, made.first_token_ms)
