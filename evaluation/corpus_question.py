"""Questions about a corpus of the user's own, one JSON object a line."""

from dataclasses import dataclass
from pathlib import Path

from agent.schemas import Language
from agent.text.language import detect_language
from evaluation.json_node import Node, read_questions

_FIELDS = frozenset(("id", "question", "language", "source", "quote", "answer"))


@dataclass(frozen=True, slots=True)
class CorpusQuestion:
    """A question, the document that answers it (none: the corpus does not), a sentence of it, and a short answer."""

    id: str
    question: str
    language: Language
    source: str | None
    quote: str | None
    answer: str | None

    @property
    def answerable(self) -> bool:
        """The corpus holds the answer."""
        return self.source is not None


def load_jsonl(path: Path | str) -> list[CorpusQuestion]:
    """The questions of the file; blank lines are passed over. Without `language`, it is detected from the question.

    Without `id`, a question is called by its line: `q12`.

    Raises:
        InvalidDataset: the file cannot be read, a line is no such object, a field is unknown, a question without a
            source has a quote or an answer, an id comes twice, or there is no question at all.
    """
    return read_questions([Path(path)], _question)


def _question(node: Node, number: int) -> CorpusQuestion:
    text = node.member("question").text().strip()
    if not text:
        node.fail("the question is blank")
    if unknown := sorted(set(node.value) - _FIELDS if isinstance(node.value, dict) else ()):
        node.fail(f'has an unknown field "{unknown[0]}"')
    source, quote, answer = (_optional(node, name) for name in ("source", "quote", "answer"))
    if source is None and (quote or answer):
        node.fail("has a quote or an answer but no source")
    return CorpusQuestion(
        id=_optional(node, "id") or f"q{number}",
        question=text,
        language=_language(node, text),
        source=source,
        quote=quote,
        answer=answer,
    )


def _language(node: Node, question: str) -> Language:
    named = node.get("language")
    if named is None:
        return detect_language(question)
    if named.value not in ("en", "es"):
        named.fail('is neither "en" nor "es"')
    return "es" if named.value == "es" else "en"


def _optional(node: Node, name: str) -> str | None:
    found = node.get(name)
    return None if found is None or not found.text().strip() else found.text()
