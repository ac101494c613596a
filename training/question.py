"""Questions to make examples from, whichever file they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.schemas import Language
from agent.store.documents import Document
from evaluation.corpus_question import CorpusQuestion, load_jsonl
from evaluation.dataset import Dataset
from evaluation.squad_file import load_squad
from evaluation.subject import documents_of


@dataclass(frozen=True, slots=True)
class Question:
    """A question about documents.

    `article` is what is held out together; `about` the document that the question is about, where that is known; `gold`
    the place of the answer in it, (start, end), or None where it does not answer; `wording` the answer in a few words.
    """

    id: str
    text: str
    language: Language
    article: str
    about: str | None
    gold: tuple[int, int] | None
    wording: str


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """One file's questions. `documents` are the passages that it brings; None when they are in the user's store.

    `left_out` says which questions could not be used, and why; `notes` what was mended while reading.
    """

    name: str
    dataset: Dataset | None
    documents: Sequence[Document] | None
    questions: Sequence[Question]
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()


def read_squad(path: Path) -> QuestionFile:
    """A SQuAD-format file. An answer that its passage does not have word for word is left out.

    Raises:
        InvalidDataset: as `load_squad`.
    """
    dataset = load_squad(path)
    questions, left_out = [], []
    texts = {passage.id: passage.text for passage in dataset.passages}
    for asked in dataset.questions:
        gold, wording = None, ""
        if asked.answerable:
            if asked.passage is None or not asked.spans:
                left_out.append(f"{asked.id}: its answer is not in its passage")
                continue
            gold = asked.spans[0]
            wording = texts[asked.passage][slice(*gold)]
        questions.append(Question(asked.id, asked.text, asked.language, asked.article, asked.passage, gold, wording))
    return QuestionFile(dataset.name, dataset, documents_of(dataset), questions, left_out, dataset.notes)


def read_lines(path: Path, texts: dict[str, str]) -> QuestionFile:
    """JSON lines of `{question, answer, quote, source}` about documents of which `texts` are the texts, by source.

    Without an answer, the quote is the answer. A quote that its document does not have is left out.

    Raises:
        InvalidDataset: as `load_jsonl`.
    """
    questions, left_out = [], []
    for asked in load_jsonl(path):
        problem = _problem(asked, texts)
        if problem is not None:
            left_out.append(f"{asked.id}: {problem}")
            continue
        gold = None
        if asked.source is not None and asked.quote is not None:
            at = texts[asked.source].index(asked.quote)
            gold = (at, at + len(asked.quote))
        wording = asked.answer or asked.quote or ""
        article = asked.source or asked.id
        name = line_id(path, asked)
        questions.append(Question(name, asked.question, asked.language, article, asked.source, gold, wording))
    return QuestionFile(path.stem, None, None, questions, left_out)


def line_id(path: Path, asked: CorpusQuestion) -> str:
    """A question of JSON lines by its file and its id there: two files may have the same ids."""
    return f"{path.stem}:{asked.id}"


def _problem(asked: CorpusQuestion, texts: dict[str, str]) -> str | None:
    if asked.source is None:
        return None
    if asked.source not in texts:
        return f"{asked.source} is not in the store"
    if not asked.quote:
        return "has a source and no quote"
    return None if asked.quote in texts[asked.source] else f"its quote is not in {asked.source}"
