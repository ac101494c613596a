"""Which language a text is in: English or Spanish."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from agent.schemas import Language

# Greetings and bare keywords are too short for the classifier's n-grams.
_SPANISH_WORDS = frozenset(
    (
        "hola",
        "gracias",
        "adiós",
        "adios",
        "sí",
        "vale",
        "qué",
        "cómo",
        "cuál",
        "dónde",
        "cuándo",
        "quién",
        "por",
        "para",
    )
)
_SPANISH_SIGNS = frozenset("¿¡ñÑ")
_SHORT = 300


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", "es"])
    return identifier


def detect_language(text: str) -> Language:
    """The likelier of the two; English when nothing speaks for either."""
    # A question with ¿ is Spanish; a guide in English may quote one.
    if len(text) <= _SHORT and _SPANISH_SIGNS & set(text):
        return "es"
    if len(words := text.lower().split()) <= 3 and any(word.strip("!.,?") in _SPANISH_WORDS for word in words):
        return "es"
    language, probability = _identifier().classify(text)
    return "es" if language == "es" and probability > 0.6 else "en"
