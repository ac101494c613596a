"""python -m agent.ingest DOCS --store STORE"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.errors import LoadError
from agent.ingest.builder import build_store, cut
from agent.ingest.loaders import Skipped, load_documents
from agent.settings import Settings, explain
from agent.store.chunks import Document
from agent.store.manifest import Manifest


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 built, 2 nothing to build from or no model to build with."""
    parser = argparse.ArgumentParser(prog="python -m agent.ingest", description="Build the store from documents.")
    parser.add_argument("docs", type=Path, help="a folder of Markdown and text files, or one file")
    parser.add_argument("--store", type=Path, help="where to write it (RAG_STORE)")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        settings = Settings()
        documents = _read(options.docs, console)
        manifest = _build(options.store or settings.rag_store, documents, settings, console)
    except FileNotFoundError:
        console.print(f"There is no file or folder {str(options.docs)!r}.", markup=False)
        return 2
    except ValidationError as error:
        console.print(explain(error), markup=False, end="")
        return 2
    except LoadError as error:
        console.print(f"{error.code}: {error.message}", markup=False)
        return 2
    if manifest is None:
        console.print("Nothing to ingest: no Markdown or text file with content was found.")
        return 2
    console.print(f"Store {manifest.index_id}: {manifest.documents} documents, {manifest.chunks} chunks.")
    return 0


def _read(docs: Path, console: Console) -> list[Document]:
    documents = []
    for found in load_documents(docs):
        if isinstance(found, Skipped):
            console.print(f"skipped {found.source}: {found.reason}", markup=False)
        else:
            documents.append(found)
    return documents


def _build(store: Path, documents: list[Document], settings: Settings, console: Console) -> Manifest | None:
    if not documents:
        return None
    from agent.retrieval.loading import (
        load_embedder,
    )  # torch takes seconds to import: say first what is wrong with the folder

    embedder = load_embedder(settings)
    sizes = {"chunk_tokens": settings.chunk_tokens, "overlap_tokens": settings.chunk_overlap_tokens}
    chunked = cut(documents, embedder, **sizes)
    total = sum(len(chunks) for _, chunks in chunked)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Embedding chunks", total=total)
        return build_store(store, chunked, embedder, progress=lambda done: bar.advance(task, done), **sizes)


if __name__ == "__main__":
    sys.exit(main())
