"""What one answer adds to the figures of `evaluation answers`.

A figure is a sum of numerators divided by a sum of denominators, over the questions that have a part of it. Only an
abstention, for instance, has a part of the precision of abstention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evaluation.answer_question import AnswerQuestion
from evaluation.attribution import Attribution, Languages, attribution_of
from evaluation.clapnq import ClapnqQuestion, rouge_l
from evaluation.nuggets import NuggetQuestion, normalise
from evaluation.outcome import Outcome, TextOf

Part = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """An answer, its parts of the figures by their names, and what a person needs to read a miss."""

    system: str
    question: AnswerQuestion
    outcome: Outcome
    parts: Mapping[str, Part]
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """A line of answers.jsonl."""
        said, asked = self.outcome, self.question
        return {
            "system": self.system, "id": asked.id, "corpus": asked.corpus, "type": asked.type,
            "language": asked.language, "answerable": asked.answerable, "question": asked.text,
            "answer": said["answer"], "abstained": said["abstained"], "reason": said["reason"],
            "error": said["error"], "decisions": said["decisions"], "seconds": said["seconds"], **self.details,
        }  # fmt: skip


def score_answer(
    system: str, question: AnswerQuestion, outcome: Outcome, text_of: TextOf, languages: Languages
) -> ScoredAnswer:
    """Score an answer; `text_of` and `languages` are those of the corpus' documents, by source."""
    parts = _abstention(question, outcome) | _quotes(outcome, text_of) | _cost(outcome)
    details: dict[str, Any] = {}
    if isinstance(question, NuggetQuestion):
        attribution = attribution_of(question, outcome, text_of, languages)
        read = None if outcome["context"] is None else _read(question, outcome, text_of)
        parts |= _nuggets(question, outcome) | _citations(attribution)
        if read is not None and question.answerable:
            parts["in_context"] = (sum(read) / len(read), 1)
        details = _nugget_details(question, outcome, attribution, read)
    elif isinstance(question, ClapnqQuestion):
        parts |= _clapnq(question, outcome)
        details = {"gold": question.answer, "citations": [dict(one) for one in outcome["citations"]]}
    return ScoredAnswer(system, question, outcome, parts, details)


def with_missing_contexts(rows: Sequence[ScoredAnswer]) -> list[ScoredAnswer]:
    """The answers of one system. Where some tell their context, an answerable question that ended before has read 0."""
    if not any("in_context" in row.parts for row in rows):
        return list(rows)
    return [
        replace(row, parts={"in_context": (0.0, 1.0), **row.parts}) if row.question.answerable else row for row in rows
    ]


def _nuggets(question: NuggetQuestion, outcome: Outcome) -> dict[str, Part]:
    said = "" if outcome["abstained"] else outcome["answer"]
    is_wrong = not outcome["abstained"] and question.is_wrong(said)
    parts: dict[str, Part] = {"wrong": (float(is_wrong), 1)}
    if question.answerable:
        hits = question.hits(said)
        parts["recall"] = (sum(hits) / len(hits), 1)
        parts["complete"] = (float(all(hits) and not is_wrong), 1)
    return parts


def _abstention(question: AnswerQuestion, outcome: Outcome) -> dict[str, Part]:
    right = float(outcome["abstained"] and not question.answerable)
    parts: dict[str, Part] = {}
    if outcome["abstained"]:
        parts["abstention_precision"] = (right, 1)
    if not question.answerable:
        parts["abstention_recall"] = (right, 1)
    return parts


def _citations(found: Attribution) -> dict[str, Part]:
    decided = [one.supports for one in found.verdicts if one.supports is not None]
    parts: dict[str, Part] = {}
    if decided:
        parts["citation_precision"] = (sum(decided), len(decided))
    if found.stated:
        parts["citation_recall"] = (found.cited, found.stated)
    if found.verdicts:
        parts["undecided_citations"] = (len(found.verdicts) - len(decided), len(found.verdicts))
    return parts


def _quotes(outcome: Outcome, text_of: TextOf) -> dict[str, Part]:
    """The quotes that are in their documents at their offsets: the same characters, so the same bytes."""
    cited = outcome["citations"]
    valid = [(text_of(one["source"]) or "")[one["start"] : one["end"]] == one["quote"] for one in cited]
    return {"valid_quotes": (sum(valid), len(valid))} if valid else {}


def _clapnq(question: ClapnqQuestion, outcome: Outcome) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    if question.answerable:
        parts["rouge_l"] = (rouge_l(said_in(outcome), question.answer), 1)
        if outcome["citations"]:
            right = sum(one["source"] == question.source for one in outcome["citations"])
            parts["gold_citations"] = (right, len(outcome["citations"]))
        if outcome["context"] is not None:
            parts["in_context"] = (float(any(one["source"] == question.source for one in outcome["context"])), 1)
    return parts


def _cost(outcome: Outcome) -> dict[str, Part]:
    parts: dict[str, Part] = {
        "prompt_tokens": (outcome["prompt_tokens"], 1),
        "completion_tokens": (outcome["completion_tokens"], 1),
        "seconds": (outcome["seconds"], 1),
        "failed": (float(outcome["error"] is not None), 1),
    }
    if outcome["context"] is not None:
        parts["context_tokens"] = (sum(one["tokens"] for one in outcome["context"]), 1)
    return parts


def said_in(outcome: Outcome) -> str:
    """The words of an answer without its citation numbers; nothing of an abstention."""
    if outcome["abstained"]:
        return ""
    return " ".join(block["text"] for block in outcome["blocks"]) or outcome["answer"]


def _read(question: NuggetQuestion, outcome: Outcome, text_of: TextOf) -> list[bool]:
    """Whether one of the spans that the model read states each nugget."""
    spans = outcome["context"] or []
    texts = [normalise((text_of(one["source"]) or "")[one["start"] : one["end"]]) for one in spans]
    return [any(nugget.is_stated(text) for text in texts) for nugget in question.nuggets]


def _nugget_details(
    question: NuggetQuestion, outcome: Outcome, attribution: Attribution, read: Sequence[bool] | None
) -> dict[str, Any]:
    hits = question.hits("" if outcome["abstained"] else outcome["answer"])
    facts = [nugget.fact for nugget in question.nuggets]
    verdicts: dict[int, list[dict[str, Any]]] = {}
    for one in attribution.verdicts:
        cited = outcome["citations"][one.citation]
        verdicts.setdefault(one.block, []).append({**cited, "supports": one.supports})
    return {
        "hits": list(hits),
        "missing": [fact for fact, hit in zip(facts, hits, strict=True) if not hit],
        "wrong": not outcome["abstained"] and question.is_wrong(outcome["answer"]),
        "not_in_context": None if read is None else [fact for fact, hit in zip(facts, read, strict=True) if not hit],
        "stated": attribution.stated,
        "cited": attribution.cited,
        "blocks": [
            {"kind": block["kind"], "text": block["text"], "citations": verdicts.get(place, [])}
            for place, block in enumerate(outcome["blocks"])
        ],
    }
