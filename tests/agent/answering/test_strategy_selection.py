"""Which strategy answers a question."""

import pytest

from agent.answering.prompts.short import template_hash
from agent.answering.strategies.selection import MIN_GROUNDED_PARAMETERS, Deployed, choose
from agent.engine.base import Engine
from agent.engine.no_engine import NoEngine
from agent.engine.provenance import Provenance
from agent.engine.scripted import ScriptedEngine
from agent.errors import NoLanguageModel
from agent.schemas import Mode, Strategy

TRAINED = Provenance("scripted", "", template_hash(), "", 0, "2026-11-24", {}, {}, None)


def engine(parameters: int = 0) -> ScriptedEngine:
    return ScriptedEngine(adapters=("ask", "other"), provenances={"ask": TRAINED}, parameters=parameters)


LARGE, SMALL, UNKNOWN = engine(MIN_GROUNDED_PARAMETERS), engine(MIN_GROUNDED_PARAMETERS - 1), engine()


@pytest.mark.parametrize("deployed", ["auto", "extractive", "short", "grounded"])
@pytest.mark.parametrize("mode", ["auto", "extractive"])
def test_without_a_model_answers_are_quotes(mode: Mode, deployed: Deployed) -> None:
    """Whatever the deployment names."""
    assert "extractive" == choose(mode, deployed, NoEngine(), None).strategy


@pytest.mark.parametrize("mode", ["short", "grounded", "generative"])
def test_a_mode_that_needs_a_model_is_refused_without_one(mode: Mode) -> None:
    """The error names the field."""
    with pytest.raises(NoLanguageModel) as caught:
        choose(mode, "auto", NoEngine(), None)
    assert "mode" == caught.value.param


@pytest.mark.parametrize("deployed", ["auto", "extractive", "short", "grounded"])
@pytest.mark.parametrize("mode", ["extractive", "short", "grounded"])
@pytest.mark.parametrize("using", [LARGE, SMALL, UNKNOWN], ids=["large", "small", "unknown"])
def test_the_request_s_strategy_comes_first(using: Engine, mode: Strategy, deployed: Deployed) -> None:
    """Whatever deployment, model and adapter are."""
    for adapter in (None, "ask", "other"):
        choice = choose(mode, deployed, using, adapter)
        assert (mode, "the request names it") == (choice.strategy, choice.why)


@pytest.mark.parametrize("mode", ["auto", "generative"])
@pytest.mark.parametrize("deployed", ["short", "grounded"])
def test_the_deployment_s_strategy_comes_next(mode: Mode, deployed: Deployed) -> None:
    """Whatever model and adapter are."""
    for using, adapter in ((LARGE, "ask"), (SMALL, None), (UNKNOWN, "other")):
        choice = choose(mode, deployed, using, adapter)
        assert (deployed, "ANSWER_STRATEGY names it") == (choice.strategy, choice.why)


@pytest.mark.parametrize(
    ("mode", "deployed", "using", "adapter", "strategy"),
    [
        ("auto", "extractive", LARGE, None, "extractive"),
        ("generative", "extractive", LARGE, None, "grounded"),
        ("generative", "extractive", LARGE, "ask", "short"),
        ("auto", "auto", LARGE, "ask", "short"),
        ("auto", "auto", SMALL, "ask", "short"),
        ("auto", "auto", LARGE, "other", "grounded"),
        ("auto", "auto", LARGE, None, "grounded"),
        ("auto", "auto", SMALL, None, "extractive"),
        ("auto", "auto", SMALL, "other", "extractive"),
        ("generative", "auto", SMALL, None, "short"),
        ("auto", "auto", UNKNOWN, None, "grounded"),
        ("generative", "auto", UNKNOWN, "other", "grounded"),
    ],
)
def test_auto_follows_from_adapter_and_model(
    mode: Mode, deployed: Deployed, using: Engine, adapter: str | None, strategy: Strategy
) -> None:
    """An adapter with provenance was trained for `short`; a small model is better quoted from than listened to; one of
    unknown size is rather a large one. In generative the model's words are wanted whatever its size.
    """
    assert strategy == choose(mode, deployed, using, adapter).strategy


def test_the_size_of_the_model_is_told() -> None:
    """In words that a reader of the trace understands."""
    assert "the model has 135 million parameters" == choose("auto", "auto", engine(134_515_008), None).why
    assert "the model has 1.5 billion parameters" == choose("auto", "auto", engine(1_543_714_304), None).why
    assert "the size of the model is not known" == choose("auto", "auto", UNKNOWN, None).why
