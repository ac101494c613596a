"""Two made-up corpora with nugget questions, and their evaluation without the real models."""

import json
from pathlib import Path
from typing import Any

from agent.engine.base import Engine
from agent.engine.no_engine import NoEngine
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.settings import Settings
from evaluation.answers import load_questions
from evaluation.answers_report import AnswersReport
from evaluation.answers_run import AnswersEvaluation
from evaluation.run import Parts
from tests.fakes.loading import write_documents

DOCUMENTS = {
    "velm/harbour.md": "# The harbour\n\nThe harbour of Velm was dug in 1843. Its lighthouse burns whale oil.\n",
    "velm/fees.md": "# Fees\n\nShips pay nine florins at the gate of the harbour.\n",
    "orso/panaderia.md": "# La panadería de Orso\n\nLa panadería de Orso vende pan de centeno a 3 florines.\n",
}


def nugget_question(number: str, **fields: Any) -> dict[str, Any]:
    """A line of a file of nugget questions; `fields` replace its own."""
    line = {
        "id": number, "corpus": "velm", "language": "en", "question": "When was the harbour of Velm dug?",
        "type": "fact", "answerable": True, "nuggets": [{"fact": "1843", "patterns": ["\\b1843\\b"]}], "wrong": [],
        "sources": [{"file": "harbour.md", "quotes": ["The harbour of Velm was dug in 1843."]}],
    }  # fmt: skip
    return line | fields


QUESTIONS = {
    "velm.jsonl": [
        nugget_question("v1"),
        nugget_question(
            "v2", type="list", question="When was the harbour of Velm dug, and what do ships pay at its gate?",
            nuggets=[{"fact": "1843", "patterns": ["1843"]}, {"fact": "9 florins", "patterns": ["(9|nine) florins"]}],
        ),
        nugget_question(
            "v3", type="unanswerable", answerable=False, question="Who painted the ceiling of the opera in Tarn?",
            nuggets=[], sources=[], wrong=["whale"],
        ),
    ],
    "orso.jsonl": [
        nugget_question(
            "o1", corpus="orso", language="es", type="table", question="¿Cuánto cuesta el pan de centeno de Orso?",
            nuggets=[{"fact": "3 florines", "patterns": ["3 florin"]}],
            sources=[{"file": "panaderia.md", "quotes": ["pan de centeno a 3 florines"]}],
        )
    ],
}  # fmt: skip


def write_lines(path: Path, *lines: object) -> Path:
    """JSON lines; a string is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def write_nuggets(folder: Path) -> tuple[Path, Path]:
    """The folder of the questions and that of the corpora."""
    for name, lines in QUESTIONS.items():
        write_lines(folder / "data" / name, *lines)
    return folder / "data", write_documents(folder / "corpora", DOCUMENTS)


def evaluate_answers(
    data: Path,
    corpora: Path | None,
    out: Path,
    systems: list[str],
    *,
    engine: Engine | None = None,
    asked: list[str] | None = None,
    **options: Any,
) -> AnswersReport:
    """Run the evaluation with a hashing embedder; `asked` gets the name of each progress report."""
    questions, folders = load_questions(data, corpora)
    parts = Parts(engine or NoEngine(), HashingEmbedder(), None, Settings(base_model="none"))

    def progress(name: str, _done: int, _total: int) -> None:
        if asked is not None:
            asked.append(name)

    evaluation = AnswersEvaluation(data.name, questions, folders, out)
    return evaluation.run(parts, systems, out, progress, **options)
