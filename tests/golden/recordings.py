"""The recorded telemetry of real emitters, with what the provider really answered beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from otel_costattr.assess import assess_all
from otel_costattr.cli.otlp_json import read_text
from otel_costattr.model import Assessment, Span
from otel_costattr.pricing import shipped_book

FOLDER: Final = Path(__file__).parent
SHARED: Final = FOLDER.parents[2] / "shared" / "dialects"
"""The same recordings where they came from; looked at only if they are there."""

Total = Literal["input_total", "output_total", "cache_read", "cache_write", "reasoning"]
LEAVES: Final = ("cache_write_5m", "cache_write_1h")
UNCOUNTED: Final = frozenset({"duplicate_of", "aggregate"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One scenario run through one instrumentation.

    Attributes:
        name: `<emitter>/<scenario>`.
        model_calls: How many calls reached the provider; None where none must be claimed.
        on_wire: Whether a span or log of a call carries usage.
        truth: What the provider answered to each call.
        lost: Totals that the emitter does not carry.
        spans: Spans and logs, as received.
    """

    name: str
    model_calls: int | None
    on_wire: bool
    truth: Mapping[str, int]
    lost: frozenset[str]
    spans: tuple[Span, ...]

    @property
    def emitter(self) -> str:
        """The instrumentation that ran."""
        return self.name.partition("/")[0]


def load(path: Path, name: str) -> Recording:
    """Read one recording."""
    text = path.read_text(encoding="utf-8")
    expected = json.loads(text)["expected"]
    return Recording(
        name=name,
        model_calls=expected["model_calls"],
        on_wire=bool(expected.get("usage_on_wire")),
        truth=expected.get("true_usage_per_call") or {},
        lost=frozenset(expected.get("lost_by_emitter") or ()),
        spans=tuple(read_text(text, source=name)),
    )


@cache
def all_recordings() -> tuple[Recording, ...]:
    """Read every committed recording."""
    return tuple(
        load(path, f"{path.parent.name}/{path.stem}") for path in sorted(FOLDER.glob("*/*.json"))
    )


@cache
def _by_name() -> dict[str, Recording]:
    return {found.name: found for found in all_recordings()}


def recording(name: str) -> Recording:
    """Find one recording by name."""
    return _by_name()[name]


@cache
def _assessed(name: str) -> tuple[Assessment, ...]:
    return assess_all(recording(name).spans, book=shipped_book())


def assessed(found: Recording) -> tuple[Assessment, ...]:
    """Assess a recording as a whole, once."""
    return _assessed(found.name)


def calls_of(found: Recording) -> tuple[Assessment, ...]:
    """List what counts as a call."""
    return tuple(item for item in assessed(found) if item.status not in UNCOUNTED)


def totals(assessment: Assessment) -> dict[str, int | None]:
    """Sum an assessment's leaves to the totals that the truth is given in."""
    usage = assessment.call.usage
    if usage is None:
        return {}
    counts = usage.counts
    written = [
        counts[unit]
        for unit in ("cache_write", "cache_write_5m", "cache_write_1h")
        if unit in counts
    ]
    return {
        "input_total": usage.input_total,
        "output_total": usage.output_total,
        "cache_read": counts.get("cache_read"),
        "cache_write": sum(written) if written else None,
        "cache_write_5m": counts.get("cache_write_5m"),
        "cache_write_1h": counts.get("cache_write_1h"),
        "reasoning": counts.get("reasoning"),
    }


def named_lost(assessment: Assessment) -> frozenset[str]:
    """List what an assessment says that its emitter dropped."""
    return frozenset(
        name for name, source in assessment.provenance.items() if source.startswith("lost: ")
    )
