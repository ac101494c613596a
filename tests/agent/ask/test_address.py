"""Whom one may ask, and the key for it."""

import pytest

from agent.ask.address import Address, key_in
from agent.load_errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "url", "is_endpoint"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False),
        ("https://ask.example/", "https://ask.example", False),
        ("https://example.com/askpod/v1/ask", "https://example.com/askpod", False),
        ("http://[::1]:8000/v2/askpod", "http://[::1]:8000/v2/askpod", True),
        ("https://api.example/v2/abc123xyz/runsync", "https://api.example/v2/abc123xyz", True),
        ("https://api.example/v2/abc123xyz/run/", "https://api.example/v2/abc123xyz", True),
    ],
)
def test_a_url_is_a_server_or_an_endpoint(text: str, url: str, is_endpoint: bool) -> None:
    """By its path; the route may be part of it, as one copies it from elsewhere."""
    assert Address(url, is_endpoint) == Address.of(text)


@pytest.mark.parametrize(
    "text", ["", "localhost:8000", "ftp://host/", "file:///etc/passwd", "http://", "http://a\nb/", "http://h/?key=k"]
)
def test_anything_else_is_refused(text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=r"it must|it is not"):
        Address.of(text)


def test_a_url_has_no_password_in_it() -> None:
    """It would be seen in the list of processes; it is not repeated either."""
    with pytest.raises(ValueError, match="no user and password") as refused:
        Address.of("https://user:sesame@host/")
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [("http://127.0.0.9", True), ("http://[::1]:80", True), ("http://localhost", True), ("http://192.168.0.1", False)],
)
def test_this_machine_is_known(url: str, is_loopback: bool) -> None:
    """A proxy is not asked for it."""
    assert is_loopback == Address.of(url).is_loopback


def test_a_key_comes_from_its_variable() -> None:
    """Without the newline that a file of it ends in; one that no header can hold is refused, and not repeated."""
    assert ("sesame", None) == (key_in({"KEY": "sesame\n"}, "KEY"), key_in({}, "KEY"))
    for key in ("ses\name", "sésame"):
        with pytest.raises(ConfigurationError) as refused:
            key_in({"KEY": key}, "KEY")
        assert key not in str(refused.value)
