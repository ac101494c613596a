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

from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import SameName, SourceFile, find_files
from agent.ingest.sync import Changes, NothingToIngest, Skipped, StoreBusy, Watcher, remove, sync
from agent.load_errors import LoadError
from agent.retrieval.embedder import Embedder
from agent.settings import Settings, explain
from agent.store.store import Store

OK = 0
FAILED = 2
INTERRUPTED = 130
# Wide enough that no line of a table is cut where nobody looks at it on a screen.
_PIPE_WIDTH = 100_000

LoadEmbedder = Callable[[Settings], Embedder]


def _load_embedder(settings: Settings) -> Embedder:
    # torch takes seconds to import: what is wrong with the folder was said before.
    from agent.retrieval.loading import load_embedder

    return load_embedder(settings)


def main(arguments: list[str] | None = None, load_embedder: LoadEmbedder = _load_embedder) -> int:
    """Exit status: 0 done; 2 nothing to do it with, or, with --strict, a file had to be skipped; 130 interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    command = _COMMANDS.get(words[0]) if words else None
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    try:
        if command is not None:
            return command(words[1:], Settings(), console)
        return _ingest(words, Settings(), console, load_embedder)
    except KeyboardInterrupt:
        console.print("Interrupted. The store is as it was; the next ingestion goes on from here.")
        return INTERRUPTED
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


def _ingest(words: list[str], settings: Settings, console: Console, load_embedder: LoadEmbedder) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agent.ingest", description="Make the store hold exactly these documents.", epilog=__doc__
    )
    parser.add_argument("docs", nargs="+", metavar="DOCS", help="a folder, a file or a quoted glob")
    parser.add_argument("--strict", action="store_true", help="exit with status 2 when a file had to be skipped")
    options = _parse(parser, words)
    store: Path = options.store or settings.rag_store
    try:
        files = [file for file in find_files(options.docs) if not file.path.resolve().is_relative_to(store.resolve())]
    except FileNotFoundError as error:
        console.print(f"There is no file or folder {str(error)!r} that can be read.", markup=False)
        return FAILED
    except SameName as error:
        console.print(str(error), markup=False)
        return FAILED
    if not files:
        raise NothingToIngest
    sizes = ChunkSizes(settings.chunk_tokens, settings.chunk_overlap_tokens)
    changes = _sync_with_progress(store, files, lambda: load_embedder(settings), sizes, console)
    _report(changes, console)
    return FAILED if options.strict and changes.skipped else OK


def _sync_with_progress(
    store: Path, files: list[SourceFile], load_embedder: Callable[[], Embedder], sizes: ChunkSizes, console: Console
) -> Changes:
    if not console.is_interactive:
        console.print(f"Building the index of {len(files)} documents ...")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("Loading the embedding model", total=None)  # for seconds
        embedder = load_embedder()
        bar.update(task, description="Reading documents")
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
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)
    console.print(f"Store {store.manifest.index_id}: {store.manifest.documents} documents.")
    return OK


def _remove(words: list[str], settings: Settings, console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent.ingest remove", description="Drop documents from the store.")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="as `list` shows it")
    options = _parse(parser, words)
    try:
        changes = remove(options.store or settings.rag_store, options.sources)
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
    chunks = quotes = 0
    for document, spans in store.chunks.documents():
        # As an answer would quote them.
        found = store.chunks.get(range(chunks, chunks + len(spans)))
        quotes += sum(
            document.text[quote.start : quote.end] == quote.text for chunk in found for quote in chunk.sentences
        )
        chunks += len(spans)
    store.close()
    manifest = store.manifest
    if (chunks, quotes) != (manifest.chunks, manifest.sentences):
        console.print(f"{manifest.sentences - quotes} sentences are not in their documents; build the store again.")
        return FAILED
    console.print(
        f"Store {manifest.index_id} is whole: {len(manifest.files)} files, {manifest.documents} documents, "
        f"{manifest.chunks} chunks, {quotes} sentences."
    )
    return OK


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    parser.add_argument("--store", type=Path, help="the store's folder (RAG_STORE)")
    return parser.parse_args(words)


_COMMANDS: dict[str, Callable[[list[str], Settings, Console], int]] = {
    "list": _list,
    "remove": _remove,
    "verify": _verify,
}

if __name__ == "__main__":
    sys.exit(main())
