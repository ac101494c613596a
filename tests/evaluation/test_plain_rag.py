"""The baseline, over a real store with a scripted engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.engine.scripted import ScriptedEngine
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.retriever import Retriever
from agent.store.store import Store
from evaluation.plain_rag import CONTEXT_TOKENS, PlainRag
from tests.fakes.loading import build_small_store

TALE = "\n\n".join(f"Chapter {n} tells of the ferryman {name * 6}." for n, name in enumerate(("Ab", "Cd", "Ef", "Gh")))
DOCUMENTS = {
    "tale.md": f"# Tale\n\n{TALE}\n",
    "harbour.md": "# Harbour\n\n" + " ".join(f"The quay of berth {n} is long and grey." for n in range(60)) + "\n",
    "puerto.md": "# Puerto\n\nEl puerto de Velm cierra a las 21:30.\n",
}


@contextmanager
def baseline(folder: Path, engine: ScriptedEngine) -> Iterator[PlainRag]:
    store = Store(build_small_store(folder, DOCUMENTS))
    yield PlainRag(store, Retriever(store, 0.8), HashingEmbedder(), engine)
    store.close()


async def test_the_model_reads_whole_passages_under_their_titles(tmp_path: Path) -> None:
    """Numbered, with title, heading and source; what it says is the answer, and its tokens are counted."""
    engine = ScriptedEngine(lambda _prompt: "The quay is long.")
    with baseline(tmp_path, engine) as plain:
        outcome = await plain.ask("How long is the quay of berth 31?")
    assert ("The quay is long.", 4, False) == (
        outcome["answer"], outcome["completion_tokens"], outcome["abstained"],
    )  # fmt: skip
    (prompt,) = engine.prompts
    assert "[1] Harbour — Harbour (harbour.md)\n" in prompt
    assert prompt.rstrip().endswith("Question: How long is the quay of berth 31?")
    assert outcome["prompt_tokens"] > 100


async def test_the_context_is_what_was_read(tmp_path: Path) -> None:
    """Neighbouring passages are one span, without what they share twice, within the budget."""
    engine = ScriptedEngine()
    with baseline(tmp_path, engine) as plain:
        outcome = await plain.ask("How long is the quay of berth 31?")
        texts = {one["source"]: plain.store.chunks.text_of(one["source"]) or "" for one in outcome["context"] or []}
    spans = outcome["context"] or []
    assert 0 < sum(one["tokens"] for one in spans) <= CONTEXT_TOKENS
    read = " ".join(texts[one["source"]][one["start"] : one["end"]] for one in spans)
    counts = [(read.count(f"berth {n} "), engine.prompts[0].count(f"berth {n} ")) for n in range(60)]
    assert {(0, 0), (1, 1)} >= set(counts)
    assert sum(seen for seen, _ in counts) > 30


async def test_a_spanish_question_is_asked_in_spanish(tmp_path: Path) -> None:
    """So that the answer is in its language."""
    engine = ScriptedEngine()
    with baseline(tmp_path, engine) as plain:
        outcome = await plain.ask("¿A qué hora cierra el puerto de Velm?")
    assert "es" == outcome["language"]
    assert engine.prompts[0].startswith("Eres un asistente útil.")
    assert "Pregunta: ¿A qué hora" in engine.prompts[0]


async def test_an_error_of_the_engine_is_the_outcome(tmp_path: Path) -> None:
    """A prompt that does not fit ends one question, not the evaluation."""
    with baseline(tmp_path, ScriptedEngine(context_length=64)) as plain:
        outcome = await plain.ask("How long is the quay of berth 31?")
    assert ("prompt_too_long", "", False) == (outcome["error"], outcome["answer"], outcome["abstained"])
