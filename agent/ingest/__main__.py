"""python -m agent.ingest DOCS... | list | remove SOURCE... | verify

The first word says what to do; a folder called "list" is named `./list`.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.errors import LoadError, StoreMismatch
from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import SameName, SourceFile, find_files
from agent.ingest.sync import Changes, NothingToIngest, Skipped, StoreBusy, Watcher, remove, sync
from agent.retrieval.embedder import Embedder
from agent.settings import Settings, explain
from agent.store.manifest import Manifest
from agent.store.store import Store

OK = 0
FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done; 2 nothing to do it with, or, with --strict, a file had to be skipped."""
    words = sys.argv[1:] if arguments is None else arguments
    command = _COMMANDS.get(words[0]) if words else None
    run, rest = (command, words[1:]) if command else (_ingest, words)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        return run(rest, Settings(), console)
    except ValidationError as error:
        console.print(explain(error), markup=False, end="")
    except LoadError as error:
        console.print(f"{error.code}: {error.message}", markup=False)
    except StoreBusy:
        console.print("Another ingestion is writing to this store. Wait for it to end.")
    except NothingToIngest:
        console.print("Nothing to ingest: no file with text in it was found. The store is as it was.")
    except OSError as error:
        console.print(f"The store cannot be written: {error.strerror}.", markup=False)
    return FAILED


def _ingest(words: list[str], settings: Settings, console: Console) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agent.ingest", description="Make the store hold exactly these documents.", epilog=__doc__
    )
    parser.add_argument("docs", nargs="+", metavar="DOCS", help="a folder, a file or a quoted glob")
    parser.add_argument("--strict", action="store_true", help="exit with status 2 when a file had to be skipped")
    options = _parse(parser, words)
    try:
        files = find_files(options.docs)
    except FileNotFoundError as error:
        console.print(f"There is no file or folder {str(error)!r} that can be read.", markup=False)
        return FAILED
    except SameName as error:
        console.print(str(error), markup=False)
        return FAILED
    if not files:
        raise NothingToIngest
    changes = _sync_with_progress(options.store or settings.rag_store, files, settings, console)
    _report(changes, console)
    return FAILED if options.strict and changes.skipped else OK


def _sync_with_progress(store: Path, files: list[SourceFile], settings: Settings, console: Console) -> Changes:
    embedder = _load_embedder(settings)
    sizes = ChunkSizes(settings.chunk_tokens, settings.chunk_overlap_tokens)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading documents", total=None)
        watcher = Watcher(
            skipped=lambda skipped: _say_skipped(skipped, console),
            total=lambda chunks: bar.update(task, description="Embedding chunks", total=chunks),
            embedded=lambda done: bar.advance(task, done),
        )
        return sync(store, files, embedder, sizes, watcher)


def _say_skipped(skipped: Skipped, console: Console) -> None:
    console.print(f"skipped {skipped.source}: {skipped.reason}", markup=False)


def _report(changes: Changes, console: Console) -> None:
    counts: dict[str, list[str] | list[Skipped]] = {
        "added": changes.added, "changed": changes.changed, "removed": changes.removed,
        "unchanged": changes.unchanged, "skipped": changes.skipped,
    }  # fmt: skip
    console.print(f"Documents: {', '.join(f'{len(items)} {name}' for name, items in counts.items())}.")
    assert changes.manifest is not None
    manifest = changes.manifest
    console.print(
        f"Store {manifest.index_id}: {manifest.documents} documents, {manifest.chunks} chunks, {changes.embedded} of "
        f"them embedded now; {manifest.index_type} index."
    )


def _list(words: list[str], settings: Settings, console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent.ingest list", description="List the store's documents.")
    options = _parse(parser, words)
    store = Store(options.store or settings.rag_store)
    table = Table("source", "title", "language", "format", "chunks", box=None)
    for document, chunks in store.chunks.documents():
        table.add_row(document.source, document.title, document.language, document.format, str(len(chunks)))
    store.close()
    # What was asked for goes to standard output, so that it can be piped; messages go to standard error.
    Console(highlight=False, markup=False).print(table)
    console.print(f"Store {store.manifest.index_id}: {store.manifest.documents} documents.")
    return OK


def _remove(words: list[str], settings: Settings, console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent.ingest remove", description="Drop documents from the store.")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="as `list` shows it")
    options = _parse(parser, words)
    try:
        changes = remove(options.store or settings.rag_store, options.sources, lambda m: _embedder_of(m, settings))
    except KeyError as error:
        console.print(f"The store has no document {error.args[0]!r}.", markup=False)
        return FAILED
    _report(changes, console)
    return OK


def _verify(words: list[str], settings: Settings, console: Console) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agent.ingest verify", description="Check every file of the store, and every quote in it."
    )
    options = _parse(parser, words)
    store = Store(options.store or settings.rag_store)
    quotes = 0
    for document, chunks in store.chunks.documents():
        for chunk in chunks:
            quotes += sum(start < end <= len(document.text) for start, end, _kind in chunk.sentences)
    store.close()
    manifest = store.manifest
    if quotes != manifest.sentences:
        console.print(f"{manifest.sentences - quotes} sentences lie outside their documents; build the store again.")
        return FAILED
    console.print(
        f"Store {manifest.index_id} is whole: {len(manifest.files)} files, {manifest.documents} documents, "
        f"{manifest.chunks} chunks, {quotes} sentences."
    )
    return OK


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    parser.add_argument("--store", type=Path, help="the store's folder (RAG_STORE)")
    return parser.parse_args(words)


def _load_embedder(settings: Settings) -> Embedder:
    # torch takes seconds to import: what is wrong with the folder was said before.
    from agent.retrieval.loading import load_embedder

    return load_embedder(settings)


def _embedder_of(manifest: Manifest, settings: Settings) -> Embedder:
    embedder = _load_embedder(settings)
    if embedder.fingerprint != manifest.embedder_fingerprint:
        raise StoreMismatch("The store was built with another embedding model; set EMBEDDING_MODEL to it.")
    return embedder


_COMMANDS: dict[str, Callable[[list[str], Settings, Console], int]] = {
    "list": _list,
    "remove": _remove,
    "verify": _verify,
}

if __name__ == "__main__":
    sys.exit(main())
