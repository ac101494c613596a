"""What examples are made of questions."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.answering.prompts.short import NOTHING, split_pick
from tests.training.mined import KEEPER, mined
from training.build import SENTENCES, Builder, pick_held_out
from training.example import Example

QUESTIONS = [
    mined("When was the lighthouse of Arlen built?", "1871"),
    mined("Who kept the lighthouse of Arlen?", KEEPER),
    mined("How often does the ferry to Arlen sail?", "twice a day"),
    mined("Who built the lighthouse of Arlen?", None),
]


def build(seed: int = 0, total: int = 100, held_out: frozenset[str] = frozenset()) -> list[Example]:
    return list(Builder(seed, held_out).build(QUESTIONS, [], total))


def sentences_of(example: Example) -> dict[int, str]:
    """The numbered sentences of the prompt."""
    found = re.findall(r"^\[(\d+)\] (.*)$", example.messages[1]["content"], re.MULTILINE)
    return {int(number): text for number, text in found}


@given(seed=st.integers(0, 500))
def test_the_number_is_that_of_the_sentence_with_the_answer(seed: int) -> None:
    """Wherever it stands; where no sentence in the prompt has it, nothing answers."""
    for example in build(seed):
        picked, wording = split_pick(example.completion)
        assert picked is not None
        sentences = sentences_of(example)
        assert len(sentences) in SENTENCES
        if picked == NOTHING:
            assert "" == wording
            assert example.kind in ("near_miss", "removed", "injection", "follow_up")
        else:
            assert wording in sentences[picked]
            assert example.kind in ("answer", "injection", "follow_up")


def test_the_same_seed_makes_the_same_examples() -> None:
    """And another seed others."""
    assert build(3) == build(3)
    assert [example.messages for example in build(3)] != [example.messages for example in build(4)]


def test_questions_about_one_passage_are_asked_about_the_same_sentences() -> None:
    """So that they are read together; only what is asked differs."""
    blocks = {example.messages[1]["content"].split(">>>")[0] for example in build() if example.kind != "follow_up"}
    assert 1 == len(blocks)


def test_the_answer_stands_anywhere() -> None:
    """At no place more often than a fair draw would have it."""
    places = Counter(
        split_pick(example.completion)[0] for seed in range(60) for example in build(seed) if example.kind == "answer"
    )
    assert {1, 2, 3, 4, 5} == set(places)
    assert max(places.values()) < 0.5 * places.total()


def test_a_sentence_that_gives_orders_changes_no_answer() -> None:
    """It stands in the prompt, and the completion is what it is without it."""
    ordered = [example for seed in range(60) for example in build(seed) if example.kind == "injection"]
    assert ordered
    known = {one.question.id: one.question.wording for one in QUESTIONS}
    for example in ordered:
        assert any(re.search("Ignore|System:|Assistant|Note to", text) for text in sentences_of(example).values())
        assert split_pick(example.completion)[1] in ("", known[example.id.split("/")[0]])


def test_a_follow_up_leans_on_an_earlier_question() -> None:
    """It has that question before it, and a pronoun for the name that they share."""
    leaning = [example for seed in range(40) for example in build(seed) if example.kind == "follow_up"]
    assert leaning
    for example in leaning:
        earlier, asked = re.findall(r"question: (.*)|Question: (.*)", example.messages[1]["content"])
        assert "Arlen" in earlier[0]
        assert " it" in asked[1]
        assert "Arlen" not in asked[1]


def test_a_question_in_another_language_is_answered_in_the_sentences_words() -> None:
    """The rules are in the question's language."""
    foreign = [mined("¿Cuándo se construyó el faro?", "1871", language="es")]
    (example,) = Builder(0, frozenset()).build([], foreign, 5)
    assert ("cross_lingual", "es") == (example.kind, example.language)
    assert "Responde" in example.messages[0]["content"]
    assert example.completion.startswith("1871 [")


def test_no_more_are_made_than_asked_for() -> None:
    """A set of questions is not torn, so there may be a few more."""
    sets = [mined(f"Who kept it in {year}?", KEEPER, about=f"arlen-{year}") for year in range(30)]
    assert 10 == len(list(Builder(0, frozenset()).build(sets, [], 10)))


def test_held_out_articles_are_never_trained_on() -> None:
    """The split is by article."""
    assert {"held_out"} == {example.split for example in build(held_out=frozenset({"Arlen"}))}
    assert {"train"} == {example.split for example in build(held_out=frozenset({"Bray"}))}


@given(sizes=st.dictionaries(st.text(min_size=1), st.integers(1, 99), min_size=2), share=st.floats(0.01, 0.9))
def test_some_articles_are_held_out_and_some_are_left(sizes: dict[str, int], share: float) -> None:
    """Of two or more; the same ones every time."""
    held_out = pick_held_out(sizes, share)
    assert 0 < len(held_out) < len(sizes)
    assert held_out == pick_held_out(sizes, share)


def test_one_article_is_not_held_out() -> None:
    """There would be nothing to train on."""
    assert frozenset() == pick_held_out({"Arlen": 5}, 0.5)
