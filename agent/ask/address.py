"""Where to ask instead of here: the URL of a server or of a serverless endpoint, and the key for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import httpx

from agent.load_errors import ConfigurationError

KEY_ENV = "ASKPOD_API_KEY"

_ENDPOINT = re.compile(r"(?P<base>.*/v2/[A-Za-z0-9_-]+)(?:/run|/runsync)?")
_ASK = re.compile(r"(?P<base>.*?)(?:/v1/ask)?")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that can be asked.

    Attributes:
        url: without a slash at its end; what it is asked with comes behind it.
        is_endpoint: a serverless endpoint, `.../v2/ID`, which takes jobs; otherwise a server with `/v1/ask`.
    """

    url: str
    is_endpoint: bool

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read what somebody typed; the route may be part of it.

        Raises:
            ValueError: it is no http(s) URL, or has a user, password, query or fragment.
        """
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL as error:
            raise ValueError("it is not a URL") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("it must begin with http:// or https:// and name a host")
        if url.userinfo:
            raise ValueError(f"it must have no user and password; the key comes from {KEY_ENV}")
        if url.query or url.fragment:
            raise ValueError("it must have no query and no fragment")
        path = url.path.rstrip("/")
        endpoint = _ENDPOINT.fullmatch(path)
        found = endpoint or _ASK.fullmatch(path)
        assert found is not None
        return cls(str(url.copy_with(raw_path=found["base"].encode())).rstrip("/"), endpoint is not None)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine; then no proxy is asked."""
        host = httpx.URL(self.url).host
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def key_in(environment: Mapping[str, str], name: str) -> str | None:
    """The key in this variable; None where there is none.

    Raises:
        ConfigurationError: what it holds cannot be sent in a header; the message does not quote it.
    """
    key = environment.get(name, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{name} holds characters that no key has.")
    return key or None
