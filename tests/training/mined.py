"""Questions with what was found for them, that no retriever had to find."""

from agent.schemas import Language
from tests.fakes.evidence import evidence_in, passage
from training.mining import Mined, holds
from training.question import Question

ARLEN = (
    "The lighthouse of Arlen was built in 1871.",
    "Its keeper Maud Fenn wrote a diary for 40 years.",
    "The ferry to Arlen sails twice a day.",
)
KEEPER = "Maud Fenn"


def mined(
    text: str,
    wording: str | None,
    *,
    sentences: tuple[str, ...] = ARLEN,
    about: str = "arlen",
    article: str = "Arlen",
    language: Language = "en",
    spoken: Language = "en",
) -> Mined:
    """A question about a passage of these sentences, among those of another one; without wording it has no answer."""
    whole = " ".join(sentences)
    gold = None if wording is None else (whole.index(wording), whole.index(wording) + len(wording))
    question = Question(text, text, language, article, about, gold, wording or "")
    own = evidence_in(passage(*sentences, source=about, title=article, heading="", language=spoken))
    other = evidence_in(passage("The mill of Bray is old.", "It grinds no more.", source="bray", title="Bray"))
    found = (*own, *other)
    return Mined(question, found, tuple(item for item in found if holds(question, item)))
