"""`costattr attribution check`: an attribution schema, and telemetry held against it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from otel_costattr.attribution import OwnerRules, Schema, owner_of
from otel_costattr.attribution.names import METADATA_NAMES, PREFIX, TAG_PREFIX
from otel_costattr.attribution.schema import WHATS, Deviation, What
from otel_costattr.attribution.schema_file import read_schema
from otel_costattr.cli.otlp_json import read_text
from otel_costattr.errors import BadSettings, BadTelemetry
from otel_costattr.model import DIMENSIONS, Attributes, Owner, Span
from otel_costattr.usage import read

PEOPLE: Final = frozenset({"user", "employee"})
"""Whose values are counted and never printed: what CI prints, many read."""

MOST_VALUES: Final = 5
_RULES: Final = OwnerRules()
_EVENT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {**METADATA_NAMES, **{dimension: dimension for dimension in DIMENSIONS}}
)


@dataclass(slots=True, kw_only=True)
class Found:
    """One kind of deviation, over many calls.

    Attributes:
        target: Dimension or `tags.<name>`.
        what: What is wrong.
        calls: How many calls it concerns; where values were read from a collector, those.
        values: The first few of the values in question, none of people.
    """

    target: str
    what: What
    calls: int = 0
    values: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was held against a schema so far.

    Attributes:
        calls: Calls that were looked at.
        found: What is wrong, by dimension and kind.
    """

    calls: int = 0
    found: dict[tuple[str, What], Found] = field(default_factory=dict)

    def add(self, one: Deviation, *, calls: int = 1) -> None:
        """Count a deviation."""
        found = self.found.setdefault(
            (one.target, one.what), Found(target=one.target, what=one.what)
        )
        found.calls += calls
        shown = one.value and one.target not in PEOPLE and one.value not in found.values
        if shown and len(found.values) < MOST_VALUES:
            found.values.append(one.value)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    add_check(parser)


def add_check(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the action `check`, and return its own parser."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check a schema, and telemetry against it")
    check.add_argument("file", type=Path, metavar="FILE", help="the schema, TOML")
    check.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="FILE|URL",
        help="OTLP/JSON, events as JSON lines, or the API of a running collector; repeatable",
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")
    return check


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 1 where telemetry stands outside of the schema.

    Raises:
        BadSettings: The schema says what cannot be.
        BadTelemetry: A file is neither OTLP/JSON nor events.
    """
    schema = schema_at(arguments.file)
    tally = Tally()
    for path in arguments.against:
        hold(schema, calls_in(path), tally)
    return told(schema, tally, arguments)


def schema_at(path: Path) -> Schema:
    """Read a file.

    Raises:
        BadSettings: It cannot be read, or says what cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: cannot be read: {error}") from error
    return read_schema(text, source=str(path))


def told(schema: Schema, tally: Tally, arguments: argparse.Namespace) -> int:
    """Print what was found, and return the exit code."""
    found = sorted(tally.found.values(), key=lambda one: (-one.calls, one.target, one.what))
    if arguments.json:
        print(json.dumps(as_json(schema, tally, found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(schema, tally, found, looked=bool(arguments.against))))
    return 1 if found else 0


def hold(schema: Schema, calls: Iterable[tuple[Owner, int]], tally: Tally) -> None:
    """Hold the owners of calls, each with its time in nanoseconds UTC, against a schema."""
    for owner, at_ns in calls:
        tally.calls += 1
        for one in schema.deviations(owner, at_ns=at_ns or None):
            tally.add(one)


def calls_in(path: str) -> Iterator[tuple[Owner, int]]:
    """Yield owner and start of each model call in a file of OTLP/JSON or of events.

    Raises:
        BadTelemetry: It cannot be read, or is neither.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadTelemetry(f"{path}: cannot be read: {error}") from error
    events = _events(text)
    if events is not None:
        for event in events:
            yield owner_of(_span_of(event), rules=_RULES), 0
        return
    for span in read_text(text, source=path):
        call = read(span)
        if call is not None and call.role == "call":
            yield owner_of(span, rules=_RULES), span.start_ns


def as_json(schema: Schema, tally: Tally, found: Iterable[Found]) -> Mapping[str, object]:
    """Lay out a check as one JSON object."""
    return {
        "documented": sorted(schema.allowed),
        "required": list(schema.required),
        "calls": tally.calls,
        "findings": [
            {"target": one.target, "what": one.what, "calls": one.calls, "values": one.values}
            for one in found
        ],
    }


def lines(schema: Schema, tally: Tally, found: Iterable[Found], *, looked: bool) -> list[str]:
    """Lay out a check as lines of text."""
    documented = f"{len(schema.allowed)} dimensions and tags are documented"
    if not looked:
        return [f"The schema is sound: {documented}."]
    findings = [_line(schema, one) for one in found]
    calls = f"{tally.calls} calls held against it"
    verdict = "" if findings else " nothing stands outside."
    return [f"{documented}, {calls}:{verdict}", *findings]


def _line(schema: Schema, one: Found) -> str:
    values = f": {', '.join(one.values)}" if one.values else ""
    allowed = schema.allowed.get(one.target)
    asks = [who for who in (allowed.contact if allowed else "", schema.contact) if who]
    ask = f" (ask {asks[0]})" if asks else ""
    return f"  {one.target} {WHATS[one.what]}, {one.calls} calls{values}{ask}"


def _events(text: str) -> list[Mapping[str, object]] | None:
    """Read events, one object a line or an array; None if this is something else."""
    try:
        found = json.loads(text)
        objects = found if isinstance(found, list) else [found]
    except (ValueError, RecursionError):
        try:
            objects = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            return None
    if not objects or not all(isinstance(one, dict) for one in objects):
        return None
    return None if any(_OTLP.intersection(one) for one in objects) else objects


_OTLP: Final = frozenset({"resourceSpans", "resourceLogs", "resourceMetrics", "traces", "logs"})


def _span_of(event: Mapping[str, object]) -> Span:
    attributes: dict[str, object] = {}
    for name, value in event.items():
        if name in _EVENT_NAMES:
            attributes.setdefault(PREFIX + _EVENT_NAMES[name], value)
    tags = event.get("tags")
    if isinstance(tags, dict):
        attributes |= {TAG_PREFIX + str(name): value for name, value in tags.items()}
    texts: Attributes = {
        name: value for name, value in attributes.items() if isinstance(value, str | int)
    }
    return Span(trace_id="", span_id="", attributes=texts, signal="event")
