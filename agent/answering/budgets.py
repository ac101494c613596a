"""How many tokens a model reads and writes for an answer, from the settings or, where they are 0, from the model."""

from dataclasses import dataclass

from agent.answering.rewriting import Shape
from agent.engine.base import Engine
from agent.settings import Settings

# Tokens of an answer by its shape; a model that has said all ends earlier.
_MAX_TOKENS: dict[Shape, int] = {
    "fact": 320, "explanation": 384, "comparison": 448, "list": 512, "steps": 640, "table": 640,
}  # fmt: skip
# More passages make the answers of a small model worse (measured in docs/evaluation.md); a large one takes them.
_CONTEXT_TOKENS = ((1_000_000_000, 1000), (4_000_000_000, 1980), (12_000_000_000, 4000))
_CONTEXT_TOKENS_OF_LARGE = 6000
# Of what a model can read at most: the rest is for the system message, the question, the conversation and the answer.
_LARGEST_SHARE = 0.5
_SHORT_MAX_TOKENS = 96
_SHORT_CONTEXT_TOKENS = 1024
# Without a model nothing is read; passages are built to be quoted from.
_QUOTED_TOKENS = 1980


@dataclass(frozen=True, slots=True)
class UsualTokens:
    """Tokens of sources that are read for a usual question, and of its answer."""

    context: int
    answer: int


@dataclass(frozen=True, slots=True)
class Budgets:
    """Tokens to read and to write. `short_sentences` are the source sentences that the strategy `short` reads."""

    context_tokens: int
    short_sentences: int
    short_context_tokens: int
    short_max_tokens: int
    max_tokens: int

    @classmethod
    def of(cls, settings: Settings, engine: Engine) -> "Budgets":
        """Those of the settings, or derived from the engine's model."""
        return cls(
            context_tokens=settings.context_tokens or _context_tokens(engine),
            short_sentences=settings.context_sentences,
            short_context_tokens=settings.context_tokens or _SHORT_CONTEXT_TOKENS,
            short_max_tokens=settings.max_tokens or _SHORT_MAX_TOKENS,
            max_tokens=settings.max_tokens,
        )

    @property
    def usual(self) -> UsualTokens:
        """Those of a question that asks for an explanation, which is neither the shortest answer nor the longest."""
        return UsualTokens(self.context_tokens, self.answer_tokens("explanation"))

    def answer_tokens(self, shape: Shape) -> int:
        """Most tokens of an answer of this shape."""
        return self.max_tokens or _MAX_TOKENS[shape]


def _context_tokens(engine: Engine) -> int:
    if engine.context_length == 0:
        return _QUOTED_TOKENS
    # A model of unknown size, as behind vLLM, is rather one for a GPU.
    fitting = (tokens for most, tokens in _CONTEXT_TOKENS if 0 < engine.parameters < most)
    return min(next(fitting, _CONTEXT_TOKENS_OF_LARGE), int(_LARGEST_SHARE * engine.context_length))
