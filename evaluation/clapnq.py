"""CLAPNQ: long answers from one passage (Rosenthal et al. 2024, arXiv:2404.02103), asked of a corpus of passages.

One JSON object a line, about the text files of a folder:

    {"id": "1", "question": "...", "source": "Harbour.txt", "answerable": true, "answer": "...", "sentences": ["..."]}
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.answer_question import AnswerQuestion
from evaluation.json_node import Node, json_lines, read_questions

CORPUS = "clapnq"
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ClapnqQuestion(AnswerQuestion):
    """A question, the passage that it is about, and the answer that a person wrote; empty where there is none."""

    source: str
    answer: str


def is_clapnq(path: Path) -> bool:
    """Whether the first line of the file has the fields of CLAPNQ.

    Raises:
        InvalidDataset: the file cannot be read, or its first line is not JSON.
    """
    _, node = next(json_lines(path), (0, None))
    return node is not None and isinstance(node.value, dict) and {"sentences", "source", "answer"} <= set(node.value)


def load_clapnq(path: Path, passages: Path) -> list[ClapnqQuestion]:
    """The questions of the file about the passages in a folder.

    Raises:
        InvalidDataset: the file cannot be read, a line is no such object, a source is no file of `passages`, an
            answerable question has no answer, or an id comes twice; the message names file and line.
    """
    return read_questions([path], lambda node, _number: _question(node, passages))


def _question(node: Node, passages: Path) -> ClapnqQuestion:
    answerable = node.member("answerable").truth()
    source, answer = node.member("source").text(), node.member("answer").text()
    question = ClapnqQuestion(
        id=node.member("id").text(),
        corpus=CORPUS,
        language="en",
        text=node.member("question").text(),
        type="answerable" if answerable else "unanswerable",
        answerable=answerable,
        source=source,
        answer=answer,
    )
    if answerable and not answer.strip():
        node.fail("is answerable but has no answer")
    if not (passages / source).is_file():
        node.fail(f'the source "{source}" is no file of {passages.name}/')
    return question


def rouge_l(answer: str, gold: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, ROUGE-L with beta 1), without stemming.

    A word is a run of letters and digits, in lower case. Without a word on either side it is 0.
    """
    said, wanted = list(_words(answer)), list(_words(gold))
    common = _longest_common(said, wanted)
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _words(text: str) -> Iterator[str]:
    return (found.group() for found in _WORD.finditer(text.lower()))


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, by dynamic programming over one row."""
    lengths = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for place, other in enumerate(second, start=1):
            above = lengths[place]
            lengths[place] = diagonal + 1 if word == other else max(above, lengths[place - 1])
            diagonal = above
    return lengths[-1]
