"""The documents that questions are asked of: one store, open, with what searches it; and its replacement while asked.

An ingestion makes another build current while questions are answered. A question keeps the corpus it began with to its
end, so an answer comes from the old build or from the new one and never from both.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.load_errors import LoadError
from agent.retrieval.finding import Finder
from agent.retrieval.retriever import Retriever
from agent.schemas import Language
from agent.store.manifest import FILE_NAME, Manifest, read_manifest
from agent.store.store import Store
from agent.telemetry.logs import get_logger

CHECK_EVERY_S = 1.0
# How long a question waits for a new build to be opened, as whoever made one asks for it; a large one comes later.
OPENED_WITHIN_S = 1.0
# Looking at a refused store again means hashing all of it.
RETRY_AFTER_S = 30.0

MakeRetriever = Callable[[Store], Retriever]


class Corpus:
    """One build of a store and the Finder over it."""

    def __init__(self, store: Store, make_retriever: MakeRetriever) -> None:
        self.store = store
        self.manifest: Manifest = store.manifest
        self.index_id = store.manifest.index_id
        self.finder = Finder(store, make_retriever(store))
        self.titles: list[tuple[str, Language]] = store.chunks.titles()

    def close(self) -> None:
        """Close the store's files."""
        self.store.close()


class LiveCorpus:
    """The current corpus, exchanged for a new one when the store's manifest has changed.

    Args:
        store: the first one, open. It is closed here.
        folder: where to look for another build.
        make_retriever: gives a store its Retriever.
        fingerprint: of the embedder in use; a build of another embedder is not taken.
    """

    def __init__(self, store: Store, folder: Path, make_retriever: MakeRetriever, fingerprint: str) -> None:
        self._folder = folder
        self._make_retriever = make_retriever
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._current = Corpus(store, make_retriever)
        self._users: dict[Corpus, int] = {self._current: 0}
        # Not the stamp of now: the store may have been replaced since it was opened.
        self._seen: tuple[int, int] | None = None
        self._next_look = time.monotonic() + CHECK_EVERY_S
        self._retry_at = math.inf
        self._opening = False
        # A newer store is there, and could not be taken.
        self.refused = False

    @property
    def manifest(self) -> Manifest:
        """Of the corpus that the next question is asked of."""
        return self._current.manifest

    async def catch_up(self) -> None:
        """Look for another build, at most once in CHECK_EVERY_S; a small one is open when this returns, unless it was
        refused before.
        """
        if (opening := self._look_for_another()) is not None:
            await asyncio.to_thread(opening.join, OPENED_WITHIN_S)

    @contextmanager
    def lease(self) -> Iterator[Corpus]:
        """The current corpus, which stays open until it is given back."""
        with self._lock:
            corpus = self._current
            self._users[corpus] += 1
        try:
            yield corpus
        finally:
            with self._lock:
                if corpus in self._users:  # else closed meanwhile
                    self._users[corpus] -= 1
            self._close_unused()

    def close(self) -> None:
        """Close what is open, even if it is in use."""
        with self._lock:
            corpora, self._users = list(self._users), {}
        for corpus in corpora:
            corpus.close()

    def _look_for_another(self) -> threading.Thread | None:
        now = time.monotonic()
        with self._lock:
            if self._opening or now < self._next_look:
                return None
            self._next_look = now + CHECK_EVERY_S
            stamp = self._stamp()
            known = stamp == self._seen
            if stamp is None or (known and now < self._retry_at):
                return None
            self._seen, self._opening, self._retry_at = stamp, True, math.inf
        # In a thread: hashing a large store takes a second.
        opening = threading.Thread(target=self._open_another, name="askpod-store", daemon=True)
        opening.start()
        return None if known else opening

    def _open_another(self) -> None:
        log = get_logger()
        try:
            if read_manifest(self._folder).build == self._current.manifest.build:
                self.refused = False
                return
            store = Store(self._folder)
            if store.manifest.embedder_fingerprint != self._fingerprint:
                self.refused = True
                log.error("store.refused", reason="The new store was built with another embedding model.")
                store.close()
                return
            self._exchange(Corpus(store, self._make_retriever))
            log.info("store.reloaded", index=self._current.index_id, documents=self._current.manifest.documents)
        except LoadError as error:
            self.refused = True
            log.error("store.refused", code=error.code, reason=error.message)
            # The rest of it may still be on its way, as in a copy whose manifest came first.
            self._retry_at = time.monotonic() + RETRY_AFTER_S
        finally:
            with self._lock:
                self._opening = False

    def _exchange(self, corpus: Corpus) -> None:
        with self._lock:
            if not self._users:  # closed meanwhile
                corpus.close()
                return
            self._current = corpus
            self._users[corpus] = 0
            self.refused = False
        self._close_unused()

    def _close_unused(self) -> None:
        with self._lock:
            unused = [corpus for corpus, users in self._users.items() if users == 0 and corpus is not self._current]
            for corpus in unused:
                del self._users[corpus]
        for corpus in unused:
            corpus.close()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = (self._folder / FILE_NAME).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
