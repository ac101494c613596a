"""python -m local_server keys: make, list and revoke API keys."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from agent.settings import Settings
from local_server.keys import Key, KeyFile, new_secret

_WIDE = 200


def main(words: Sequence[str], settings: Settings) -> int:
    """Exit status: 0, 1 there is no such key, 2 there is no file for keys, or it is not valid."""
    options = _options(words)
    if settings.keys_file is None:
        sys.stderr.write("Set KEYS_FILE to the file in which keys are to be kept.\n")
        return 2
    file = KeyFile(settings.keys_file)
    try:
        if options.command == "new":
            return _new(file, options)
        if options.command == "revoke":
            return _revoke(file, options.id)
        return _list(file)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _new(file: KeyFile, options: argparse.Namespace) -> int:
    secret = new_secret()
    key = Key.of(
        secret.encode(), options.name, scopes=options.scope or ["ask"], concurrency=options.concurrency,
        per_minute=options.per_minute, timeout_s=options.timeout_s,
        expires=None if options.days is None else datetime.now(UTC) + timedelta(days=options.days),
    )  # fmt: skip
    file.add(key)
    sys.stderr.write(f"Key {key.id} ({key.name}); it is shown once, and only its SHA-256 is kept:\n")
    sys.stdout.write(f"{secret}\n")
    return 0


def _revoke(file: KeyFile, key_id: str) -> int:
    if not file.revoke(key_id):
        sys.stderr.write(f"There is no valid key {key_id!a}.\n")
        return 1
    sys.stderr.write(f"Key {key_id} is revoked; a server that runs refuses it from now on.\n")
    return 0


def _list(file: KeyFile) -> int:
    table = Table("id", "name", "scopes", "at once", "a minute", "seconds", "created", "expires", "state")
    for key in file.read():
        state = "revoked" if key.revoked else "valid" if key.valid else "expired"
        limits = [f"{limit:g}" if limit else "–" for limit in (key.concurrency, key.per_minute, key.timeout_s)]
        expires = f"{key.expires:%Y-%m-%d}" if key.expires else "–"
        table.add_row(key.id, key.name, " ".join(key.scopes), *limits, f"{key.created:%Y-%m-%d}", expires, state)
    # In a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
    return 0


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_server keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="make a key, and show it once")
    new.add_argument("name", help="whose it is, for you to know")
    new.add_argument("--scope", action="append", choices=("ask", "admin"), help="what it may do; ask unless given")
    new.add_argument("--concurrency", type=int, default=0, metavar="N", help="questions at once")
    new.add_argument("--per-minute", type=int, default=0, metavar="N", help="questions in a minute")
    new.add_argument("--timeout-s", type=float, default=0.0, metavar="S", help="longest time of a question")
    new.add_argument("--days", type=float, metavar="N", help="it expires after so many")
    commands.add_parser("list", help="what is known of each key")
    revoke = commands.add_parser("revoke", help="let a key be valid no more")
    revoke.add_argument("id", help="as list shows it: k_ and 8 digits")
    return parser.parse_args(words)
