"""Every error is fit to be shown."""

import pytest

from agent import errors
from agent.errors import AskError
from agent.load_errors import LoadError


def subclasses(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(AskError)[1:], ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_a_status_and_a_sentence(kind: type[AskError]) -> None:
    """Its problem object is complete, and the tree in the module's docstring names it with its status."""
    body = kind(detail="/secret/path").problem("r-1")
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"} <= set(body)
    assert "/secret/path" not in str(body)
    assert 400 <= kind.status <= 599
    assert errors.__doc__ is not None
    (line,) = [line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in line]
    assert [kind.code, str(kind.status), "yes" if kind.retryable else "no"] == line.split()[-3:]


def test_codes_are_unique() -> None:
    """A program can tell any two errors apart."""
    kinds = [*subclasses(AskError)[1:], *subclasses(LoadError)]
    codes = [vars(kind).get("code") for kind in kinds if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
