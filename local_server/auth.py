"""X-API-KEY, or Authorization as the platform's and OpenAI's clients send it: several keys, compared as digests in
constant time.
"""

import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr
from starlette.types import Scope as AsgiScope

from agent.errors import Forbidden, Unauthorized
from agent.settings import Settings
from agent.telemetry.logs import get_logger
from local_server.keys import Key, KeyFile, Scope

HEADER, AUTHORIZATION = "X-API-KEY", "Authorization"
_BEARER = b"bearer "


def keys_of(settings: Settings) -> "Keys":
    """Those that the settings name.

    Raises:
        ValueError: as `Keys`.
    """
    file = KeyFile(settings.keys_file) if settings.keys_file is not None else None
    return Keys(
        settings.api_keys, file, concurrency=settings.key_concurrency, per_minute=settings.key_per_minute
    )  # fmt: skip


class Keys:
    """The keys that may ask. With none, nobody may.

    Args:
        keys: in clear, from the settings; they may ask, within what `quota` says.
        quota: of each of these.
        file: more of them, which come and go while the server runs.

    Raises:
        ValueError: the file is not valid.
    """

    def __init__(self, keys: Sequence[SecretStr], file: KeyFile | None = None, **quota: float) -> None:
        self._named = [Key.of(key.get_secret_value().encode(), "API_KEYS", **quota) for key in keys]
        self._file = file
        self._stamp = file.stamp() if file else None
        self._kept = list(file.read()) if file else []

    @property
    def any(self) -> bool:
        """Whether anybody may ask."""
        return any(key.valid for key in (*self._named, *self._kept))

    def find(
        self, scope: AsgiScope, wanted: Scope = "ask", headers: Sequence[str] = (HEADER, AUTHORIZATION)
    ) -> Key:  # fmt: skip
        """The caller's key, in one of these headers.

        The header's bytes are taken as they came, but for a leading `Bearer` of `Authorization`: a key that is not
        ASCII is wrong, not a crash.

        Raises:
            Unauthorized: the key is missing, comes twice, is none of ours, or is not valid any more.
            Forbidden: it is not for what is wanted.
        """
        self._look()
        unauthorized = Unauthorized(f"Send a valid key in the {headers[0]} header.")
        names = [name.lower().encode() for name in headers]
        sent = [(name, value) for name, value in scope["headers"] if name in names]
        if len(sent) != 1:
            raise unauthorized
        (name, value) = sent[0]
        if name == b"authorization" and value.lower().startswith(_BEARER):
            value = value[len(_BEARER) :]
        candidate = hashlib.sha256(value).digest()
        # Every key is compared, so that the time tells nothing about which one came close.
        matches = [key for key in (*self._named, *self._kept) if hmac.compare_digest(candidate, key.digest)]
        key = next((key for key in matches if key.valid), None)
        if key is None:
            raise unauthorized
        if wanted not in key.scopes:
            raise Forbidden
        return key

    def _look(self) -> None:
        """Read the file again if it has changed; one that is broken changes nothing."""
        if self._file is None or (stamp := self._file.stamp()) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._kept = list(self._file.read())
        except (OSError, ValueError) as error:
            get_logger().error("keys.not_read", reason=str(error))
        else:
            get_logger().info("keys.read", valid=sum(key.valid for key in self._kept))
