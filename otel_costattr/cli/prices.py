"""`costattr prices`: list, show, compare, check and renew the price book."""

from __future__ import annotations

import argparse
import importlib
import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from otel_costattr.cli.price import add_overlay, book_of
from otel_costattr.errors import BadPriceBook
from otel_costattr.pricing import PriceBook, read_book, shipped_book
from otel_costattr.pricing.book import check
from otel_costattr.pricing.changes import changes
from otel_costattr.pricing.describe import list_rows, show_lines
from otel_costattr.pricing.sync import generate

DATA: Final = Path(__file__).parents[1] / "pricing" / "data"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    lister = _action(actions, "list", "every model with its price today", _list)
    lister.add_argument("--provider", default="", help="only this provider")
    add_overlay(lister)
    shower = _action(actions, "show", "everything about one model", _show)
    shower.add_argument("model", help="as provider/model")
    add_overlay(shower)
    differ = _action(actions, "diff", "what another book would change", _diff)
    differ.add_argument(
        "old", nargs="?", default="", help="a prices.json; default: the shipped one"
    )
    differ.add_argument("new", nargs="?", default="", help="a prices.json; default: a fresh sync")
    checker = _action(actions, "check", "read every entry of a book or contract", _check)
    checker.add_argument(
        "file", nargs="?", default="", help="a prices.json; default: the shipped one"
    )
    add_overlay(checker)
    syncer = _action(actions, "sync", "renew the data from the installed genai-prices", _sync)
    syncer.add_argument(
        "--dry-run", action="store_true", help="print what would change, write nothing"
    )
    syncer.add_argument(
        "--data", type=Path, default=DATA, help="folder of prices.json and facts.toml"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    code: int = arguments.act(arguments)
    return code


def _action(actions: Any, name: str, summary: str, act: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=summary)
    parser.set_defaults(act=act)
    return parser


def _list(arguments: argparse.Namespace) -> int:
    book = book_of(arguments.overlay)
    rows = list(list_rows(book, at_ns=_now_ns(), provider=arguments.provider.lower()))
    if len(rows) == 1:
        raise BadPriceBook(
            f"no models of provider {arguments.provider!r}; known are {', '.join(book.providers())}"
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0


def _show(arguments: argparse.Namespace) -> int:
    provider, slash, model = arguments.model.lower().partition("/")
    book = book_of(arguments.overlay)
    known = book.model_of(provider, model) or model
    if not slash or not book.entries(provider, known):
        raise BadPriceBook(f"no entry {arguments.model!r}; `costattr prices list` shows all")
    for line in show_lines(book, provider, known):
        print(line)
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    old = _read(arguments.old) if arguments.old else shipped_book()
    new = _read(arguments.new) if arguments.new else read_book(_fresh(DATA))
    return _print_changes(old, new)


def _print_changes(old: PriceBook, new: PriceBook) -> int:
    found = list(changes(old, new))
    for change in found:
        print(change.text())
    print(f"{len(found)} changes from book {old.version} to {new.version}")
    return 1 if found else 0


def _check(arguments: argparse.Namespace) -> int:
    book = _read(arguments.file) if arguments.file else shipped_book()
    check(book)
    if arguments.overlay:
        book = book_of(arguments.overlay)
    models = sum(1 for _ in book.models())
    print(f"book {book.version}: {models} models of {len(book.providers())} providers, all sound")
    return 0


def _sync(arguments: argparse.Namespace) -> int:
    target: Path = arguments.data / "prices.json"
    text = _fresh(arguments.data)
    new = read_book(text)
    old = _read(str(target)) if target.exists() else read_book('{"header": {}, "providers": {}}')
    _print_changes(old, new)
    if not arguments.dry_run:
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")
    return 0


def _fresh(folder: Path) -> str:
    try:
        providers = importlib.import_module("genai_prices.data").providers
    except ModuleNotFoundError:
        raise BadPriceBook("genai-prices is not installed; run: pip install genai-prices") from None
    target, facts = folder / "prices.json", folder / "facts.toml"
    previous: dict[str, Any] = {}
    if target.exists():
        previous = json.loads(target.read_text(encoding="utf-8"), parse_float=Decimal)
    return generate(
        providers,
        tomllib.loads(facts.read_text(encoding="utf-8"), parse_float=Decimal),
        previous,
        package=f"genai-prices {version('genai-prices')}",
        day=datetime.now(tz=UTC).date().isoformat(),
    )


def _read(name: str) -> PriceBook:
    try:
        return read_book(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPriceBook(f"{name}: {error.strerror}") from None


def _now_ns() -> int:
    return int(datetime.now(tz=UTC).timestamp()) * 1_000_000_000
