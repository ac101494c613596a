"""python -m benchmarks store: what a store of a given size costs to build, to open, to keep and to search.

Each size is opened and searched in a process of its own, so that memory is that size's alone.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.answering.calibration import Calibration
from agent.ingest.builder import ChunkSizes, build_store
from agent.retrieval.finding import Finder
from agent.retrieval.query import Query, make_queries
from agent.retrieval.retriever import CANDIDATES, Retriever
from agent.settings import Settings
from agent.store.store import Store
from benchmarks.synthetic import SyntheticEmbedder, documents

_QUESTIONS = 200
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured at one size. Seconds, MiB, and milliseconds of one query after another."""

    chunks: int
    index: str
    build_s: float
    disk_mib: float
    open_s: float
    verified_s: float
    memory_mib: float
    embed_p50_ms: float
    search_p50_ms: float
    search_p95_ms: float
    question_p50_ms: float
    question_p95_ms: float
    recall: float


def main(words: Sequence[str]) -> int:
    """Exit status 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks store", description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--work", type=Path, default=Path("build") / "bench-store", help="folder for the stores")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.search:
        sys.stdout.write(json.dumps(_search(options.search)) + "\n")
        return 0
    rows = [_measure(count, options.work) for count in options.chunks]
    _show(rows)
    return 0


def _measure(count: int, work: Path) -> Figures:
    settings = Settings()
    real = Store(settings.rag_store)
    sentences = [
        s.text for chunk in real.chunks.get(range(real.manifest.chunks)) for s in chunk.sentences if s.kind == "prose"
    ]
    manifest = real.manifest
    vectors = real.vectors.get(range(manifest.chunks))
    embedder = SyntheticEmbedder(manifest.embedder, manifest.embedder_fingerprint, vectors, seed=count)
    folder = work / str(count)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cut = list(documents(count, sentences, seed=count))
    started = time.monotonic()
    build_store(folder, cut, embedder, ChunkSizes(160, 32))
    build_s = time.monotonic() - started
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    real.close()
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "store", "--search", str(folder)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])  # noqa: S603
    return Figures(chunks=count, build_s=round(build_s, 1), disk_mib=round(disk, 1), **found)


def _search(folder: Path) -> dict[str, float | str]:
    """In a process of its own: open, and ask questions about the real corpus with the real embedder."""
    from agent.retrieval.loading import load_embedder

    settings = Settings()
    embedder = load_embedder(settings)
    questions = _questions(settings.rag_store)
    embedder.embed_questions(questions[:1])
    before = _memory_mib()
    started = time.monotonic()
    store = Store(folder, sentences_later=True)
    open_s = time.monotonic() - started
    store.open_sentences()
    verified_s = time.monotonic() - started
    retriever = Retriever(store, settings.dense_weight)
    finder, calibration = Finder(store, retriever), Calibration.for_embedder(embedder.name)
    embed, search, whole = [], [], []
    for question in [*questions[:_WARM_UP], *questions]:
        t0 = time.monotonic()
        queries = make_queries([question], "en", embedder)
        t1 = time.monotonic()
        finding = finder.find(queries, settings.top_k, {})
        if finding.signals is not None:
            calibration.relevance(finding.signals)
        t2 = time.monotonic()
        embed.append(t1 - t0)
        search.append(t2 - t1)
        whole.append(t2 - t0)
    recall = _recall(store, make_queries(questions[:50], "en", embedder))
    return {
        "index": store.vectors.type,
        "open_s": round(open_s, 2),
        "verified_s": round(verified_s, 2),
        "memory_mib": round(_memory_mib() - before, 1),
        "embed_p50_ms": _percentile(embed, 50),
        "search_p50_ms": _percentile(search, 50),
        "search_p95_ms": _percentile(search, 95),
        "question_p50_ms": _percentile(whole, 50),
        "question_p95_ms": _percentile(whole, 95),
        "recall": recall,
    }


def _questions(folder: Path) -> list[str]:
    """The headings of the real corpus that are questions."""
    store = Store(folder)
    chunks = store.chunks.get(range(store.manifest.chunks))
    found = list(dict.fromkeys(h for chunk in chunks if (h := chunk.heading.rsplit(" > ", 1)[-1]).endswith("?")))
    store.close()
    return (found * (_QUESTIONS // max(len(found), 1) + 1))[:_QUESTIONS]


def _recall(store: Store, queries: Sequence[Query]) -> float:
    """Of the exact nearest candidates, the share that the index finds."""
    everything = list(range(len(store.vectors)))
    shares = []
    for query in queries:
        vector = query.vector
        exact = {number for number, _ in store.vectors.search(vector, CANDIDATES, everything)}
        shares.append(len(exact & {number for number, _ in store.vectors.search(vector, CANDIDATES)}) / len(exact))
    return round(float(np.mean(shares)), 3)


def _memory_mib() -> float:
    """What this process holds now, pages of mapped files that were touched included."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def _percentile(seconds: Sequence[float], which: int) -> float:
    return round(float(np.percentile(seconds[_WARM_UP:], which)) * 1000, 1)


def _show(rows: Sequence[Figures]) -> None:
    table = Table(*Figures.__slots__)
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    Console(width=200).print(table)
    Console(width=200).print_json(json.dumps([asdict(row) for row in rows]))
