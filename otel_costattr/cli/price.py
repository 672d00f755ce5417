"""`costattr price`: price one call from the command line, or many from standard input."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from otel_costattr.errors import BadInput, BadPriceBook, BadUsage
from otel_costattr.model import UNITS, ModelCall, Price, Unit, Usage
from otel_costattr.pricing import PriceBook, price, read_overlay, shipped_book
from otel_costattr.pricing.exact import plain
from otel_costattr.pricing.explain import explain_price

_NS: Final = 1_000_000_000
_FIELDS: Final = {
    "provider": "provider",
    "model": "response_model",
    "request_model": "request_model",
    "server_address": "server_address",
    "service_tier": "service_tier",
    "region": "region",
    "speed": "speed",
}
"""Key of a case to the field of the call that it fills."""
_KEYS: Final = frozenset({"id", "at", "usage", *_FIELDS})


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--provider", default="", help="as telemetry spells it: openai, aws.bedrock"
    )
    parser.add_argument(
        "--model", default="", help="as telemetry spells it: gpt-4o-mini-2024-07-18"
    )
    parser.add_argument("--at", default="", help="start of the call, ISO 8601, UTC; default: now")
    parser.add_argument("--service-tier", default="", help="the tier that served: batch, flex, ...")
    parser.add_argument("--speed", default="", help="fast, where the provider sells one")
    parser.add_argument("--region", default="", help="region or data residency: eu, us")
    parser.add_argument("--server-address", default="", help="host of the API")
    for unit in UNITS:
        parser.add_argument(
            f"--{unit.replace('_', '-')}", type=int, metavar="N", dest=f"unit_{unit}", help="count"
        )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="read one case a line from standard input, write one result a line in the same order",
    )
    add_overlay(parser)


def add_overlay(parser: argparse.ArgumentParser) -> None:
    """Add `--overlay`, which every command takes that prices something."""
    parser.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="FILE",
        help="lay this contract (TOML) over published prices; may be given several times",
    )


def book_of(overlays: list[str]) -> PriceBook:
    """Return the shipped book under the contracts in some files, in their order.

    Raises:
        BadPriceBook: A file cannot be read or its contract cannot be true.
    """
    book = shipped_book()
    for name in overlays:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise BadPriceBook(f"{name}: {error.strerror}") from None
        book = book.with_overlay(read_overlay(text, source=Path(name).name))
    return book


def run(arguments: argparse.Namespace) -> int:
    """Price and print; 1 if something has no price."""
    book = book_of(arguments.overlay)
    now_ns = int(datetime.now(tz=UTC).timestamp()) * _NS
    if arguments.jsonl:
        return _stream(book, now_ns)
    counts = {
        unit: getattr(arguments, f"unit_{unit}")
        for unit in UNITS
        if getattr(arguments, f"unit_{unit}") is not None
    }
    call = ModelCall(
        provider=arguments.provider,
        response_model=arguments.model,
        service_tier=arguments.service_tier,
        speed=arguments.speed,
        region=arguments.region,
        server_address=arguments.server_address,
        usage=Usage(counts=counts),
    )
    at_ns = _at(arguments.at) if arguments.at else now_ns
    found = price(call, at_ns=at_ns, book=book)[0]
    if arguments.json:
        print(json.dumps(result(found)))
    else:
        print(explain_price(call, found, at_ns=at_ns, book=book))
    return 1 if found.total_usd is None else 0


def result(found: Price, **head: Any) -> dict[str, Any]:
    """Return a price as the JSON object that `--json` and `--jsonl` print.

    Args:
        found: The price.
        head: Keys to put first, such as `id`.
    """
    out: dict[str, Any] = {
        **head,
        "status": "committed" if found.committed else found.status,
        "reason": found.reasons[0] if found.reasons else "",
        "reasons": list(found.reasons),
        "total_usd": None if found.total_usd is None else plain(found.total_usd),
        "list_usd": None if found.list_usd is None else plain(found.list_usd),
        "lines": [
            {
                "unit": line.unit,
                "quantity": line.quantity,
                "rate_usd": _rate(line.rate_usd),
                "per": line.per,
                "amount_usd": plain(line.amount_usd),
            }
            for line in found.lines
        ],
        "price": {
            "entry": found.entry,
            "valid_from": _day(found.valid_from_ns),
            "valid_to": _day(found.valid_to_ns),
            "book": found.book,
        },
        "rule": found.rule,
    }
    if found.bounds_usd is not None:
        out["bounds_usd"] = [plain(bound) for bound in found.bounds_usd]
    return out


@functools.lru_cache(maxsize=4_096)
def _day(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    return datetime.fromtimestamp(at_ns // _NS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_decode = json.JSONDecoder(parse_float=Decimal).decode
_rate = functools.lru_cache(maxsize=4_096)(plain)
_text_of = functools.lru_cache(maxsize=4_096)(json.dumps)


def json_line(found: Price, case_id: object) -> str:
    """Return a price as the line that `--jsonl` prints: `result` as JSON, with its `id` first.

    Args:
        found: The price.
        case_id: Whatever the case gave as its id.
    """
    if found.bounds_usd is not None or found.reasons:
        return json.dumps(result(found, id=case_id)) + "\n"
    lines = ", ".join(
        f'{{"unit": "{line.unit}", "quantity": {line.quantity}, "rate_usd": "{_rate(line.rate_usd)}",'
        f' "per": {line.per}, "amount_usd": "{plain(line.amount_usd)}"}}'
        for line in found.lines
    )
    total = _optional(found.total_usd)
    listed = total if found.list_usd is found.total_usd else _optional(found.list_usd)
    status = "committed" if found.committed else found.status
    return (
        f'{{"id": {json.dumps(case_id)}, "status": "{status}", "reason": "", "reasons": [],'
        f' "total_usd": {_quoted(total)}, "list_usd": {_quoted(listed)}, "lines": [{lines}],'
        f' "price": {_price_text(found.entry, found.valid_from_ns, found.valid_to_ns, found.book)},'
        f' "rule": {_text_of(found.rule)}}}\n'
    )


def _quoted(number: str | None) -> str:
    return "null" if number is None else f'"{number}"'


def _optional(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


@functools.lru_cache(maxsize=4_096)
def _price_text(entry: str, from_ns: int | None, to_ns: int | None, book: str) -> str:
    return json.dumps(
        {"entry": entry, "valid_from": _day(from_ns), "valid_to": _day(to_ns), "book": book}
    )


def _stream(book: PriceBook, now_ns: int) -> int:
    refused = 0
    write = sys.stdout.write
    for at, line in enumerate(sys.stdin, start=1):
        if not line.strip():
            continue
        case: Mapping[str, Any] = {}
        try:
            case = _case(line)
            found = _price_of(case, book, now_ns)
        except (BadInput, ValueError, TypeError, AttributeError) as error:
            refused += 1
            write(json.dumps(_refusal(case, at, error)) + "\n")
            continue
        write(json_line(found, case.get("id")))
    if refused:
        print(f"costattr price: {refused} lines were refused", file=sys.stderr)
    return 1 if refused else 0


def _case(line: str) -> Mapping[str, Any]:
    case = _decode(line.strip())
    if not isinstance(case, dict):
        raise BadUsage("a case is a JSON object")
    return cast("Mapping[str, Any]", case)


def _price_of(case: Mapping[str, Any], book: PriceBook, now_ns: int) -> Price:
    if not case.keys() <= _KEYS:
        unknown = sorted(case.keys() - _KEYS)
        raise BadUsage(f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}")
    named: dict[str, Any] = {
        field: _text(key, case[key]) for key, field in _FIELDS.items() if key in case
    }
    at = case.get("at")
    usage = case.get("usage")
    call = ModelCall(
        **named, usage=None if usage is None else Usage(counts=cast("Mapping[Unit, int]", usage))
    )
    return price(call, at_ns=now_ns if at is None else _at(at), book=book)[0]


def _text(key: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadUsage(f"{key} is {value!r}; give text")
    return value


def _refusal(case: Mapping[str, Any], at: int, error: Exception) -> dict[str, Any]:
    return {
        "id": case.get("id"),
        "status": "unpriced",
        "reason": "bad_usage",
        "reasons": ["bad_usage"],
        "total_usd": None,
        "list_usd": None,
        "lines": [],
        "price": None,
        "error": f"line {at}: {error}",
    }


def _at(value: object) -> int:
    """Return nanoseconds UTC of an ISO 8601 time, or of a whole number of nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _moment(str(value))


@functools.lru_cache(maxsize=4_096)
def _moment(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadUsage(
            f"at is {value!r}; write a time as 2026-08-21T12:00:00Z or nanoseconds since 1970"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    whole = aware.replace(microsecond=0)
    return int(whole.timestamp()) * _NS + aware.microsecond * 1_000
