"""Which adapters there are, and which of them are in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

import torch
from torch import nn

from agent.engine.adapters import check_fits, fingerprint
from agent.engine.catalog import Catalog
from agent.engine.lora import Adapters
from agent.engine.provenance import Provenance
from agent.errors import Overloaded, UnknownAdapter
from agent.load_errors import AdapterMismatch

Command = Callable[[], None]


class Shelf:
    """Adapters of one base model.

    Args:
        base: the model, before any adapter.
        base_names: the names it is known by.
        named: name and folder of those that are loaded at once.
        folder: whose subfolders can be asked for by name, even those that come later; None for none.
        most: so many are in memory at once.

    Raises:
        AdapterMismatch: one of `named` does not fit.
    """

    def __init__(
        self, base: nn.Module, base_names: set[str], named: Mapping[str, Path], folder: Path | None, most: int
    ) -> None:
        self._base = base
        self._base_names = base_names
        # Before the model's layers are put into others.
        self._fingerprint = fingerprint(base)
        self._catalog = Catalog(named, folder)
        self._most = max(most, len(named))
        self._weights = Adapters(base)
        self.routing = self._weights.routing
        self._loads = 0
        # In the order in which they were last asked for: how many use it, and which load of it this is.
        self._users: OrderedDict[str, int] = OrderedDict()
        self._load_of: dict[str, int] = {}
        # Held for as long as a load takes, and for as long as a count takes: nobody waits for a load but who wants it.
        self._loading = threading.Lock()
        self._counting = threading.Lock()
        self._provenances: dict[str, Provenance | None] = {}
        for name, place in named.items():
            self._provenances[name] = check_fits(place, base, base_names, self._fingerprint)
        for name, place in named.items():
            self._load(name, place)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that can be asked for."""
        return self._catalog.names

    def has(self, name: str) -> bool:
        """Whether this one can be asked for."""
        return self._catalog.place(name) is not None

    def provenance(self, name: str) -> Provenance | None:
        """Where an adapter comes from, in memory or not; None if nothing says so."""
        if name in self._users:
            return self._provenances[name]
        return self._catalog.provenance(name)

    def hold(self, name: str, between_steps: Callable[[Command], "Future[None]"]) -> bytes:
        """Keep an adapter in memory until it is let go; what its part of the cache is told by.

        Waits while it is loaded, which happens `between_steps` of the model, one after the other.

        Raises:
            UnknownAdapter: there is none of this name, or it does not fit.
            Overloaded: as many as there is memory for are in use.
        """
        with self._loading:
            while (known_as := self.hold_now(name)) is None:
                self._bring(name, between_steps)
        return known_as

    def hold_now(self, name: str) -> bytes | None:
        """As `hold`, for one that is in memory; None for another."""
        with self._counting:
            if name not in self._users:
                return None
            self._users[name] += 1
            self._users.move_to_end(name)
            return f"{name}\0{self._load_of[name]}".encode()

    def let_go(self, name: str) -> None:
        """One user less."""
        with self._counting:
            self._users[name] -= 1

    def _bring(self, name: str, between_steps: Callable[[Command], "Future[None]"]) -> None:
        place = self._catalog.place(name)
        if place is None:
            raise UnknownAdapter(param="adapter")

        def swap() -> None:
            provenance = check_fits(place, self._base, self._base_names, self._fingerprint)
            self._make_room()
            self._provenances[name] = provenance
            self._load(name, place)

        try:
            between_steps(swap).result()
        except torch.OutOfMemoryError as error:
            raise Overloaded(detail="no memory for another adapter") from error
        except AdapterMismatch as error:
            message = "The adapter of this name does not fit; the log says why."
            raise UnknownAdapter(message, param="adapter", detail=repr(error)) from error

    def _make_room(self) -> None:
        with self._counting:
            if len(self._users) < self._most:
                return
            leaving = next((known for known, users in self._users.items() if users == 0), None)
            if leaving is None:
                raise Overloaded(detail="every adapter in memory is in use")
            del self._users[leaving]
        self._weights.unload(leaving)

    def _load(self, name: str, place: Path) -> None:
        try:
            self._weights.load(name, place)
        except BaseException:
            # What is half there is neither counted nor found again.
            self._weights.unload(name)
            raise
        with self._counting:
            self._loads += 1
            self._load_of[name] = self._loads
            self._users[name] = 0
