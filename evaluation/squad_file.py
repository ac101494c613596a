"""Reads a SQuAD file, 1.1 or 2.0, as tolerantly as the scores stay true."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaluation.dataset import Dataset, GoldPassage, InvalidDataset, Question, majority_language
from evaluation.json_node import Node, parse, read_text


def load_squad(path: Path | str) -> Dataset:
    """The passages and questions of the file.

    A question without `is_impossible` is answerable. One paragraph twice is one passage; the same question twice about
    it is one question; another question with an id already taken gets `#2` after it. A blank question is left out. An
    `answer_start` that does not fit is moved to the nearest occurrence. Each of these is in the dataset's notes.

    Raises:
        InvalidDataset: the file cannot be read, is not SQuAD's format, or a question has neither an answer nor
            `"is_impossible": true`.
    """
    path = Path(path)
    root = Node(parse(read_text(path), path.name), "")
    if not isinstance(root.value, dict):
        raise InvalidDataset(f"{path.name}: not an object with a list named data")
    reader = _Reader()
    for node in root.items("data"):
        reader.read_article(node)
    if not reader.passages:
        raise InvalidDataset("data: holds no paragraph")
    return reader.dataset(path.stem)


@dataclass(slots=True)
class _Reader:
    """What has been read so far."""

    passages: dict[str, GoldPassage] = field(default_factory=dict)  # by the text, white space folded
    questions: dict[str, Question] = field(default_factory=dict)  # by id
    titles: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def read_article(self, node: Node) -> None:
        number = len(self.titles) + 1
        found = node.get("title")
        title = _unused((found.text().strip() if found else "") or f"Article {number}", self.titles)
        self.titles.add(title)
        for index, paragraph in enumerate(node.items("paragraphs")):
            passage = self._passage(paragraph, f"{number:03d}-{index + 1:03d}", title)
            for asked in paragraph.items("qas"):
                self._question(asked, passage)

    def dataset(self, name: str) -> Dataset:
        passages, asked = tuple(self.passages.values()), tuple(self.questions.values())
        # One language for all: a bare name says too little to tell a question's language by itself.
        language = majority_language(question.text for question in asked)
        return Dataset(
            name=name,
            language=majority_language(passage.text for passage in passages),
            passages=passages,
            questions=tuple(replace(question, language=language) for question in asked),
            notes=tuple(self.notes),
        )

    def _passage(self, node: Node, passage_id: str, article: str) -> GoldPassage:
        context = node.member("context")
        key = " ".join((text := context.text()).split())
        if not key:
            context.fail("is blank")
        if key in self.passages:
            self.notes.append(f"{context.where}: the same text as passage {self.passages[key].id}, read as one")
        return self.passages.setdefault(key, GoldPassage(passage_id, article, text))

    def _question(self, node: Node, passage: GoldPassage) -> None:
        text = node.member("question").text().strip()
        if not text:
            self.notes.append(f"{node.where}: blank question, left out")
            return
        impossible = (found := node.get("is_impossible")) is not None and found.truth()
        answers, spans = ((), ()) if impossible else self._answers(node, passage)
        question = Question(
            id=_question_id(node),
            text=text,
            language="en",
            article=passage.article,
            passage=passage.id,
            answers=answers,
            spans=spans,
            answerable=not impossible,
        )
        self._keep(question, node)

    def _keep(self, question: Question, node: Node) -> None:
        taken = self.questions.get(question.id)
        if taken == question:
            self.notes.append(f"{node.where}: question {question.id} a second time, left out")
            return
        if taken is not None:
            question = replace(question, id=_unused(question.id, self.questions, "{}#{}"))
            self.notes.append(f"{node.where}: its id is taken, now {question.id}")
        self.questions[question.id] = question

    def _answers(self, node: Node, passage: GoldPassage) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
        """The distinct answers and where they stand; several annotators often give the same one."""
        answers: dict[str, None] = {}
        spans: dict[tuple[int, int], None] = {}
        for answer in node.items("answers"):
            if not (text := answer.member("text").text().strip()):
                self.notes.append(f"{answer.where}: blank answer, left out")
                continue
            answers[text] = None
            if (start := self._start(answer, passage.text)) is not None:
                spans[start, start + len(text)] = None
        if not answers:
            node.fail('has no answer; a question that its passage does not answer needs "is_impossible": true')
        return tuple(answers), tuple(spans)

    def _start(self, answer: Node, passage: str) -> int | None:
        written = answer.member("text").text()
        text = written.strip()
        found = answer.get("answer_start")
        claimed = (found.whole_number() if found else 0) + written.index(text)
        if claimed >= 0 and passage.startswith(text, claimed):
            return claimed
        nearest = min(_occurrences(text, passage), key=lambda start: abs(start - claimed), default=None)
        moved = "not in its passage" if nearest is None else f"moved from {claimed} to {nearest}"
        self.notes.append(f"{answer.where}: {moved}")
        return nearest


def _question_id(node: Node) -> str:
    """The id as text; the question's place in the file when it has none."""
    found = node.get("id")
    if found is None:
        return node.where
    return (found.text() if isinstance(found.value, str) else str(found.whole_number())) or node.where


def _occurrences(text: str, passage: str) -> Iterator[int]:
    start = passage.find(text)
    while start >= 0:
        yield start
        start = passage.find(text, start + 1)


def _unused(name: str, taken: set[str] | dict[str, Question], pattern: str = "{} ({})") -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = pattern.format(name, number)
    return free
