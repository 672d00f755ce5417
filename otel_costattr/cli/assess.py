"""`costattr assess`: what the telemetry in files cost, one line a call."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, cast

from otel_costattr.assess import assess_all
from otel_costattr.cli.otlp_json import read_files
from otel_costattr.errors import BadSettings
from otel_costattr.model import Assessment, Usage
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr.usage import SHIPPED, Conventions


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="OTLP/JSON, a request or one a line"
    )
    parser.add_argument("--jsonl", action="store_true", help="print one JSON object a call")
    parser.add_argument(
        "--conventions", metavar="TOML", help="counting conventions that go before the shipped ones"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the files together and print every call, duplicates and sums included."""
    found = assess_files(arguments.files, conventions=arguments.conventions)
    if arguments.jsonl:
        for assessment in found:
            print(json.dumps(line_of(assessment), ensure_ascii=False, separators=(",", ":")))
    else:
        print("\n".join(table(found)))
    return 0


def assess_files(
    files: Iterable[str], *, conventions: str | None = None, book: PriceBook | None = None
) -> tuple[Assessment, ...]:
    """Assess every span and log record of files together.

    Args:
        files: OTLP/JSON files.
        conventions: File with counting conventions, or None.
        book: The prices, in USD; None for the shipped ones.

    Raises:
        BadTelemetry: A file is no OTLP/JSON.
        BadSettings: The conventions cannot be read.
    """
    return assess_all(
        read_files(files),
        book=shipped_book() if book is None else book,
        conventions=_conventions(conventions),
    )


def _conventions(path: str | None) -> Conventions:
    if path is None:
        return SHIPPED
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: cannot be read: {error}") from error
    return SHIPPED.with_overrides(text, source=path)


def line_of(assessment: Assessment) -> Mapping[str, object]:
    """Lay out one assessment as a JSON object.

    Args:
        assessment: The verdict on a span.

    Returns:
        Ids, verdict, names, counts, totals (tokens; USD as a decimal string, null for unknown),
        owner and provenance.
    """
    span, call, usage = assessment.span, assessment.call, assessment.call.usage
    price = assessment.prices[0] if assessment.prices else None
    line: dict[str, object] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "signal": span.signal,
        "emitter": call.emitter,
        "status": assessment.status,
        "reason": assessment.reasons[0] if assessment.reasons else "",
        "reasons": list(assessment.reasons),
        "duplicate_of": assessment.duplicate_of,
        "dedupe_rule": assessment.dedupe_rule,
        "operation": call.operation,
        "provider": (price.provider if price else "") or call.provider,
        "model": (price.model if price else "") or call.response_model or call.request_model,
        "usage": _counts(usage),
        "input_total": usage.input_total if usage else None,
        "output_total": usage.output_total if usage else None,
        "total_usd": usd(assessment.total_usd),
        "reported_cost_usd": usd(call.reported_cost_usd),
        "owner": _owner(assessment),
        "provenance": dict(assessment.provenance),
    }
    if call.other_models:
        line["other_models"] = [
            {"model": other.model, "usage": _counts(other.usage)} for other in call.other_models
        ]
    return line


def _counts(usage: Usage | None) -> Mapping[str, int]:
    return cast("Mapping[str, int]", dict(usage.counts)) if usage else {}


def _owner(assessment: Assessment) -> Mapping[str, object]:
    found: dict[str, object] = dict(assessment.owner.values.items())
    if assessment.owner.tags:
        found["tags"] = dict(assessment.owner.tags)
    return found


def usd(amount: Decimal | None) -> str | None:
    """Write an amount in USD as plain digits; None stays unknown."""
    return None if amount is None else format(amount, "f")


_COLUMNS: Final = ("status", "emitter", "provider", "model", "input", "output", "USD", "why")


def table(found: Iterable[Assessment]) -> list[str]:
    """Lay out assessments as lines of text with a total, duplicates and sums named as such."""
    everything = tuple(found)
    rows = [_COLUMNS, *(_row(assessment) for assessment in everything)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return [*lines, "", _summary(everything)]


def _row(assessment: Assessment) -> tuple[str, ...]:
    line = line_of(assessment)
    why = assessment.duplicate_of or ", ".join(assessment.reasons)
    cells = (*(line[key] for key in ("status", "emitter", "provider", "model")),)
    numbers = (line["input_total"], line["output_total"], line["total_usd"])
    return (
        *(str(cell) for cell in cells),
        *("-" if number is None else str(number) for number in numbers),
        f"{assessment.dedupe_rule}: {why}" if assessment.dedupe_rule and why else why,
    )


def _summary(found: Iterable[Assessment]) -> str:
    calls = unpriced = copies = 0
    total = Decimal(0)
    for assessment in found:
        if assessment.status in {"duplicate_of", "aggregate"}:
            copies += 1
        else:
            calls += 1
            unpriced += assessment.status == "unpriced"
        total += assessment.total_usd or 0
    return (
        f"{calls} calls, {unpriced} of them unpriced, {total:f} USD; "
        f"{copies} duplicates and sums are not counted as calls"
    )
