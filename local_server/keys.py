"""API keys as they are kept: what is known of each, and its digest instead of the key."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.quotas import Quota

Scope = Literal["ask", "admin"]
# What a key begins with, so that a scanner for secrets knows one when it sees one.
PREFIX = "askpod_"
_KEY_BYTES = 32
_READABLE_BY_OWNER = 0o600


class Key(BaseModel):
    """One key. `concurrency`, `per_minute` and `timeout_s` are its quota, 0 for no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...] = ("ask",)
    concurrency: Annotated[int, Field(ge=0)] = 0
    per_minute: Annotated[int, Field(ge=0)] = 0
    timeout_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None

    @classmethod
    def of(cls, secret: bytes, name: str, **more: object) -> "Key":
        """What is kept of a key. Its id is `k_` and 8 hex digits of its SHA-256: safe to log."""
        digest = hashlib.sha256(secret).hexdigest()
        return cls.model_validate(
            {"id": f"k_{digest[:8]}", "name": name, "sha256": digest, "created": datetime.now(UTC), **more}
        )

    @property
    def digest(self) -> bytes:
        """Of 32 bytes."""
        return bytes.fromhex(self.sha256)

    @property
    def quota(self) -> Quota:
        """What it may ask for."""
        return Quota(self.concurrency, self.per_minute, self.timeout_s)

    @property
    def valid(self) -> bool:
        """Whether it can be used now."""
        return self.revoked is None and (self.expires is None or datetime.now(UTC) < self.expires)


_KEYS: TypeAdapter[tuple[Key, ...]] = TypeAdapter(tuple[Key, ...])


def new_secret() -> str:
    """A key that nobody guesses: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


class KeyFile:
    """Keys in a JSON file, which may change while the server runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stamp(self) -> tuple[int, int] | None:
        """Another one after each change; None while there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def read(self) -> tuple[Key, ...]:
        """All of them, also those that are not valid any more; none without a file.

        Raises:
            ValueError: the file is not one of ours; the message names no key.
        """
        try:
            return _KEYS.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return ()
        except ValidationError as error:
            where = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ValueError(f"The file of keys is not valid: {where['loc']}: {where['msg']}.") from None

    def add(self, key: Key) -> None:
        """Keep one more."""
        with self._locked():
            self._write((*self.read(), key))

    def revoke(self, key_id: str) -> bool:
        """Let a key be valid no more; False if there is none of this id that is."""
        with self._locked():
            keys, change = self.read(), {"revoked": datetime.now(UTC)}
            found = [key for key in keys if key.id == key_id and key.revoked is None]
            self._write([key.model_copy(update=change) if key in found else key for key in keys])
            return bool(found)

    def _write(self, keys: Sequence[Key]) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        with open(new, "w", encoding="utf-8", opener=_private) as file:
            json.dump([key.model_dump(mode="json") for key in keys], file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time. The lock goes with the process that holds it, however that ends."""
        with open(self._path.with_name(f"{self._path.name}.lock"), "w", encoding="utf-8", opener=_private) as lock:
            flock(lock, LOCK_EX)
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _READABLE_BY_OWNER)
