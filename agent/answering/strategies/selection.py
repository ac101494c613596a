"""Which strategy answers a question: the request's, the deployment's, or the one that suits model and adapter."""

from dataclasses import dataclass
from typing import Literal

from agent.engine.base import Engine
from agent.errors import NoLanguageModel
from agent.schemas import Mode, Strategy

Deployed = Literal["auto", "extractive", "short", "grounded"]

# A smaller model without an adapter of its own words answers worse than the quotes that it would word
# (measured in docs/evaluation.md).
MIN_GROUNDED_PARAMETERS = 900_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy, and why it was taken."""

    strategy: Strategy
    why: str


def choose(mode: Mode, deployed: Deployed, engine: Engine, adapter: str | None) -> Choice:
    """The strategy of a request with this mode and adapter, in a deployment whose ANSWER_STRATEGY is `deployed`.

    Raises:
        NoLanguageModel: the mode needs a model, and there is none.
    """
    if engine.context_length == 0:
        if mode in ("short", "grounded", "generative"):
            raise NoLanguageModel(param="mode")
        return Choice("extractive", "there is no language model")
    if mode in ("extractive", "short", "grounded"):
        return Choice(mode, "the request names it")
    if deployed in ("short", "grounded"):
        return Choice(deployed, "ANSWER_STRATEGY names it")
    if deployed == "extractive" and mode == "auto":
        return Choice("extractive", "ANSWER_STRATEGY names it")
    if adapter is not None and engine.provenance(adapter) is not None:
        return Choice("short", "the adapter was trained for it")
    if 0 < engine.parameters < MIN_GROUNDED_PARAMETERS:
        small = f"the model has {engine.parameters / 1e6:.0f} million parameters"
        return Choice("extractive" if mode == "auto" else "short", small)
    if engine.parameters == 0:
        return Choice("grounded", "the size of the model is not known")
    return Choice("grounded", f"the model has {engine.parameters / 1e9:.1f} billion parameters")
