"""X-API-KEY, or Authorization as the platform's and OpenAI's clients send it: several keys, compared as digests in
constant time.
"""

import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr
from starlette.types import Scope

from agent.errors import Unauthorized

HEADER = "X-API-KEY"
_HEADERS = {HEADER.lower().encode(), b"authorization"}
_BEARER = b"bearer "


class Keys:
    """The keys that may ask. With none, nobody may."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._digests = [_digest(key.get_secret_value().encode()) for key in keys]

    def key_id(self, scope: Scope) -> str:
        """A name for the caller's key that is safe to log: `k_` and 8 hex digits of its SHA-256.

        The header's bytes are taken as they came, but for a leading `Bearer` of `Authorization`: a key that is not
        ASCII is wrong, not a crash.

        Raises:
            Unauthorized: the key is missing, comes twice, or is none of ours.
        """
        sent = [(name, value) for name, value in scope["headers"] if name in _HEADERS]
        if len(sent) != 1:
            raise Unauthorized
        (name, value) = sent[0]
        if name == b"authorization" and value.lower().startswith(_BEARER):
            value = value[len(_BEARER) :]
        candidate = _digest(value)
        # Every key is compared, so that the time tells nothing about which one came close.
        matches = [hmac.compare_digest(candidate, digest) for digest in self._digests]
        if not any(matches):
            raise Unauthorized
        return f"k_{candidate.hex()[:8]}"


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
