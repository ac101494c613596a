"""How many tokens a model reads and writes."""

import pytest

from agent.answering.budgets import Budgets, UsualTokens
from agent.answering.rewriting import Shape
from agent.engine.no_engine import NoEngine
from agent.engine.scripted import ScriptedEngine
from agent.settings import Settings


def budgets(parameters: int = 0, context_length: int = 32_768, **settings: int) -> Budgets:
    return Budgets.of(Settings(**settings), ScriptedEngine(parameters=parameters, context_length=context_length))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [(135_000_000, 1000), (1_500_000_000, 1980), (8_000_000_000, 4000), (70_000_000_000, 6000), (0, 6000)],
)
def test_a_larger_model_reads_more(parameters: int, tokens: int) -> None:
    """One of unknown size, as behind vLLM, is rather a large one."""
    assert tokens == budgets(parameters).context_tokens


def test_a_context_leaves_room_for_the_rest_of_the_prompt() -> None:
    """Half of what a model can read at once."""
    assert 1024 == budgets(context_length=2048).context_tokens


def test_without_a_model_passages_are_built_to_be_quoted_from() -> None:
    """There is nothing that could be too long for it."""
    assert Budgets.of(Settings(), NoEngine()).context_tokens >= 1000


@pytest.mark.parametrize(
    ("shape", "tokens"), [("fact", 320), ("explanation", 384), ("list", 512), ("steps", 640), ("table", 640)]
)
def test_the_answer_s_length_follows_from_its_shape(shape: Shape, tokens: int) -> None:
    """Unless the settings say it."""
    assert (tokens, 7) == (budgets().answer_tokens(shape), budgets(max_tokens=7).answer_tokens(shape))


def test_settings_come_before_what_is_derived() -> None:
    """For the strategy short, which reads and writes less, as well."""
    derived, given = budgets(), budgets(max_tokens=7, context_tokens=300, context_sentences=3)
    assert (1024, 96, 5) == (derived.short_context_tokens, derived.short_max_tokens, derived.short_sentences)
    assert (300, 300, 7, 3) == (
        given.context_tokens, given.short_context_tokens, given.short_max_tokens, given.short_sentences,
    )  # fmt: skip
    assert UsualTokens(300, 7) == given.usual
    assert UsualTokens(6000, 384) == derived.usual
