"""Pairing passages with their translations."""

from hypothesis import given
from hypothesis import strategies as st

from agent.schemas import Language
from evaluation.alignment import align
from evaluation.dataset import Dataset, GoldPassage

ENGLISH = {
    "Arlen": [
        "The lighthouse of Arlen was built in 1871 by the engineer Tobias Harrow, on granite from Penmarrick.",
        "In the 14th century monks of Saint Odran kept goats and copied manuscripts on the island.",
        "The ferry company Solent Maritime transports 2,400 passengers a month between April and October.",
    ],
    "Fenn": [
        "Maud Fenn was born in Cardiff in 1850 and studied astronomy with professor Albrecht Lindqvist.",
        "Her diary of 40 volumes is preserved in the national archive of Edinburgh since 1932.",
    ],
}
SPANISH = {
    "Arlen": [
        "El faro de Arlen fue construido en 1871 por el ingeniero Tobias Harrow, con granito de Penmarrick.",
        "En el siglo XIV los monjes de San Odran criaban cabras y copiaban manuscritos en la isla.",
        "La compañía Solent Maritime transporta 2.400 pasajeros al mes entre abril y octubre.",
    ],
    "Fenn": [
        "Maud Fenn nació en Cardiff en 1850 y estudió astronomía con el profesor Albrecht Lindqvist.",
        "Su diario de 40 volúmenes se preserva en el archivo nacional de Edimburgo desde 1932.",
    ],
}
MISSING = st.sets(st.tuples(st.sampled_from(("Arlen", "Fenn")), st.integers(0, 2)), max_size=3)


def dataset(language: Language, articles: dict[str, list[str]], missing: set[tuple[str, int]] | None = None) -> Dataset:
    """The articles without the missing paragraphs; `en-Arlen-0` is the translation of `es-Arlen-0`."""
    passages = tuple(
        GoldPassage(f"{language}-{title}-{index}", title, text)
        for title, texts in articles.items()
        for index, text in enumerate(texts)
        if (title, index) not in (missing or set())
    )
    return Dataset("tiny", language, passages, ())


def test_every_passage_finds_its_translation() -> None:
    """By numbers, century numerals, names and cognates; in both directions."""
    english, spanish = dataset("en", ENGLISH), dataset("es", SPANISH)
    pairs = {f"es{passage.id[2:]}": passage.id for passage in english.passages}
    assert pairs == align(spanish, english)
    assert {there: here for here, there in pairs.items()} == align(english, spanish)


@given(missing_here=MISSING, missing_there=MISSING)
def test_a_passage_without_translation_is_left_out(
    missing_here: set[tuple[str, int]], missing_there: set[tuple[str, int]]
) -> None:
    """Whatever either file lacks, no passage is paired with its neighbour's translation."""
    found = align(dataset("es", SPANISH, missing_here), dataset("en", ENGLISH, missing_there))
    assert {here: f"en{here[2:]}" for here in found} == found


def test_articles_that_one_file_lacks_are_found_by_their_content() -> None:
    """With other numbers of articles, order says nothing."""
    other = "La receta lleva harina, huevos, leche, sal y un poco de aceite, y se hornea media hora."
    spanish = {"Receta": [other], "Fenn": SPANISH["Fenn"], "Arlen": SPANISH["Arlen"]}
    found = align(dataset("es", spanish), dataset("en", ENGLISH))
    assert {f"es-Arlen-{n}": f"en-Arlen-{n}" for n in range(3)} | {
        f"es-Fenn-{n}": f"en-Fenn-{n}" for n in range(2)
    } == found


def test_unrelated_texts_are_not_paired() -> None:
    """A dataset without a translation gives an empty answer."""
    other = {"Receta": ["Se mezcla harina con huevos y leche."], "Lluvia": ["Ayer llovió mucho en el valle."]}
    assert {} == align(dataset("es", other), dataset("en", ENGLISH))
