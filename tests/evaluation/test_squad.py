"""SQuAD's normalisation and scores, in two languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schemas import Language
from evaluation.squad import contains_gold, exact_match, f1, normalise

LANGUAGES = st.sampled_from(("en", "es"))
SENTENCES = st.text(alphabet="aeln ,.'-¿THé", max_size=25)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The  Ferry, at 9:15!", "en", "ferry at 915"),
        ("An apple a day", "en", "apple day"),
        ("Harold's half-brother", "en", "harolds halfbrother"),
        ("theatre", "en", "theatre"),
        ("el faro", "en", "el faro"),
        ("¿El «faro» de la isla?", "es", "faro de isla"),
        ("¡Unos años!", "es", "años"),
        ("the year", "es", "the year"),
        ("The", "en", ""),
    ],
)
def test_normalisation(text: str, language: Language, expected: str) -> None:
    """Case, signs, the language's own articles and white space do not count."""
    assert expected == normalise(text, language)


@pytest.mark.parametrize(
    ("prediction", "golds", "match", "overlap"),
    [
        ("The 9:15 ferry", ["9:15 ferry"], 1.0, 1.0),
        ("ferry", ["train", "the ferry"], 1.0, 1.0),
        ("old red ferry", ["red ferry"], 0.0, 0.8),
        ("ferry ferry", ["ferry"], 0.0, 2 / 3),
        ("train", ["ferry"], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("ferry", [], 0.0, 0.0),
        ("", ["ferry"], 0.0, 0.0),
        ("a", ["the"], 1.0, 1.0),
        ("", ["the", "ferry"], 0.0, 0.0),
    ],
)
def test_exact_match_and_f1(prediction: str, golds: list[str], match: float, overlap: float) -> None:
    """The best gold answer counts; a question without one wants an empty prediction."""
    assert (match, overlap) == pytest.approx((exact_match(prediction, golds, "en"), f1(prediction, golds, "en")))


@given(prediction=SENTENCES, golds=st.lists(SENTENCES, max_size=3), language=LANGUAGES)
def test_f1_lies_between_exact_match_and_one(prediction: str, golds: list[str], language: Language) -> None:
    """An exact match has F1 one, and F1 is never less than exact match."""
    assert exact_match(prediction, golds, language) <= f1(prediction, golds, language) <= 1


@given(first=SENTENCES, second=SENTENCES, language=LANGUAGES)
def test_f1_is_symmetric(first: str, second: str, language: Language) -> None:
    """Prediction and gold may change places, where both say something."""
    if normalise(first, language) and normalise(second, language):
        assert f1(first, [second], language) == pytest.approx(f1(second, [first], language))


@pytest.mark.parametrize(
    ("sentence", "golds", "language", "expected"),
    [
        ("It was built in 1871, they say.", ["in 1871"], "en", True),
        ("It was built in 1871.", ["built 1871"], "en", False),
        ("They call it artful.", ["art"], "en", False),
        ("Harold's half-brother came.", ["Harold", "x"], "en", True),
        ("Harold's half-brother came.", ["half"], "en", True),
        ("The U.S. ferry sails.", ["US ferry"], "en", True),
        ("Fue en el año 1871.", ["el 1871", "año 1871"], "es", True),
        ("¿Quién? «Maud Fenn».", ["Maud Fenn"], "es", True),
        ("The ferry sails.", ["the"], "en", False),
        ("The ferry sails.", [], "en", False),
    ],
)
def test_a_sentence_contains_a_gold_answer(sentence: str, golds: list[str], language: Language, expected: bool) -> None:
    """As whole words in one run; an answer of nothing but articles is contained nowhere."""
    assert expected is contains_gold(sentence, golds, language)


@given(before=SENTENCES, gold=SENTENCES, after=SENTENCES, language=LANGUAGES)
def test_an_answer_between_spaces_is_contained(before: str, gold: str, after: str, language: Language) -> None:
    """Whatever stands around it."""
    assert bool(normalise(gold, language)) <= contains_gold(f"{before} {gold} {after}", [gold], language)
