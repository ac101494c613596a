"""Questions whose complete answers are known as nuggets: the facts that an answer must state (Voorhees 2003, TREC QA).

A nugget has regular expressions, and an answer states it when one of them matches. One JSON object a line:

    {"id": "h1", "corpus": "harbour", "language": "en", "question": "What does a ship pay?", "type": "fact",
     "answerable": true, "nuggets": [{"fact": "nine florins", "patterns": ["\\b(9|nine) florins"]}],
     "wrong": ["\\bten florins"], "sources": [{"file": "fees.md", "quotes": ["A ship pays nine florins."]}]}

`wrong` holds patterns of typical confusions, `sources` the passages that support the nuggets.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.schemas import Language
from evaluation.answer_question import AnswerQuestion
from evaluation.json_node import Node, read_questions

# What is written in several ways, and the way that patterns are written in.
_WRITTEN_AS = {"'": "‘’", '"': "“”«»", "-": "–—\u2011\u2212", " ": "\u00a0\u202f", "": "\u200b*`"}
_SIGNS = str.maketrans({sign: plain for plain, signs in _WRITTEN_AS.items() for sign in signs})
# Underscores at the edge of a word are emphasis; those inside one belong to an identifier.
_EMPHASIS = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")


def normalise(text: str) -> str:
    """The form of a text that patterns are matched against.

    Lower case, without accents, emphasis and backticks; curly quotes and long dashes become plain ones; runs of white
    space become one blank.
    """
    plain = _without_accents(text.translate(_SIGNS)).lower()
    return " ".join(_EMPHASIS.sub("", plain).split())


@dataclass(frozen=True, slots=True)
class Nugget:
    """A fact, and the patterns that recognise it in a normalised text."""

    fact: str
    patterns: tuple[re.Pattern[str], ...]

    def is_stated(self, normalised: str) -> bool:
        """Whether a text, normalised, states the fact."""
        return any(pattern.search(normalised) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class GoldSource:
    """A document of the corpus, and the quotes of it that support the answer."""

    file: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NuggetQuestion(AnswerQuestion):
    """A question with its nuggets; one that the corpus does not answer has none."""

    nuggets: tuple[Nugget, ...]
    wrong: tuple[re.Pattern[str], ...]
    sources: tuple[GoldSource, ...]

    def hits(self, text: str) -> tuple[bool, ...]:
        """Whether `text` states each nugget."""
        normalised = normalise(text)
        return tuple(nugget.is_stated(normalised) for nugget in self.nuggets)

    def is_wrong(self, text: str) -> bool:
        """Whether `text` holds one of the typical confusions."""
        normalised = normalise(text)
        return any(pattern.search(normalised) for pattern in self.wrong)


def load_nuggets(files: Sequence[Path], corpora: Path) -> list[NuggetQuestion]:
    """The questions of the files, about the folders in `corpora`. Unknown fields are passed over.

    Raises:
        InvalidDataset: a file cannot be read, a line is no such object, a pattern is no regular expression, a corpus is
            no folder of `corpora`, an id comes twice, or there is no question; the message names file and line.
    """
    return read_questions(files, lambda node, _number: _question(node, corpora))


def _question(node: Node, corpora: Path) -> NuggetQuestion:
    answerable = node.member("answerable").truth()
    nuggets = tuple(_nugget(item) for item in node.items("nuggets")) if node.get("nuggets") else ()
    if answerable and not nuggets:
        node.fail("is answerable but has no nuggets")
    wrong = node.items("wrong") if node.get("wrong") else ()
    sources = node.items("sources") if node.get("sources") else ()
    return NuggetQuestion(
        id=_filled(node, "id"),
        corpus=_corpus(node, corpora),
        language=_language(node.member("language")),
        text=_filled(node, "question"),
        type=_filled(node, "type"),
        answerable=answerable,
        nuggets=nuggets,
        wrong=tuple(_pattern(item) for item in wrong),
        sources=tuple(
            GoldSource(source.member("file").text(), tuple(quote.text() for quote in source.items("quotes")))
            for source in sources
        ),
    )


def _nugget(node: Node) -> Nugget:
    patterns = tuple(_pattern(item) for item in node.items("patterns"))
    if not patterns:
        node.fail("has no patterns")
    return Nugget(node.member("fact").text(), patterns)


def _pattern(node: Node) -> re.Pattern[str]:
    try:
        return re.compile(_without_accents(node.text()), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        node.fail(f"is no regular expression: {error}")


def _corpus(node: Node, corpora: Path) -> str:
    name = _filled(node, "corpus")
    if name != Path(name).name or not (corpora / name).is_dir():
        node.fail(f'the corpus "{name}" is no folder of {corpora.name}/')
    return name


def _language(node: Node) -> Language:
    if node.value not in ("en", "es"):
        node.fail('is neither "en" nor "es"')
    return "es" if node.value == "es" else "en"


def _filled(node: Node, name: str) -> str:
    found = node.member(name)
    if not found.text().strip():
        found.fail("is blank")
    return found.text()


def _without_accents(text: str) -> str:
    return "".join(_letters(text))


def _letters(text: str) -> Iterator[str]:
    return (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
