"""Which adapters there are on disk, by name."""

from collections.abc import Mapping
from pathlib import Path

from agent.engine.adapters import WEIGHTS
from agent.engine.options import ADAPTER_NAME
from agent.engine.provenance import Provenance
from agent.load_errors import AdapterMismatch


class Catalog:
    """Those that were named at the start, and those in a folder.

    Args:
        named: name and folder of each.
        folder: whose subfolders can be asked for by name, even those that come later; None for none.
    """

    def __init__(self, named: Mapping[str, Path], folder: Path | None) -> None:
        self.named = dict(named)
        self._folder = folder

    @property
    def names(self) -> tuple[str, ...]:
        """Those that can be asked for."""
        found = [place.name for place in self._subfolders() if self._is_adapter(place.name)]
        return (*self.named, *sorted(name for name in found if name not in self.named))

    def place(self, name: str) -> Path | None:
        """The folder of an adapter; None if there is none of this name."""
        if name in self.named or self._folder is None:
            return self.named.get(name)
        return self._folder / name if self._is_adapter(name) else None

    def provenance(self, name: str) -> Provenance | None:
        """Where an adapter comes from; None if nothing says so, or what says so is broken."""
        place = self.place(name)
        try:
            return Provenance.read(place) if place is not None else None
        except AdapterMismatch:  # refused when it is loaded
            return None

    def _subfolders(self) -> list[Path]:
        return list(self._folder.iterdir()) if self._folder is not None and self._folder.is_dir() else []

    def _is_adapter(self, name: str) -> bool:
        # The name first: one with a slash in it would lead out of the folder. So would a link.
        if self._folder is None or not ADAPTER_NAME.fullmatch(name):
            return False
        place = self._folder / name
        try:
            home = self._folder.resolve()
            return (place / WEIGHTS).is_file() and all(
                file.resolve().is_relative_to(home) for file in (place, *place.iterdir())
            )
        except (OSError, RuntimeError):  # it cannot be read or has just gone; a link leads to itself
            return False
