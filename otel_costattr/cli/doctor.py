"""`costattr doctor`: what telemetry lacks, what that costs in certainty, and what mends it."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from otel_costattr.cli.assess import assess_files, usd
from otel_costattr.model import REASONS, Assessment, ModelCall, Unit, Usage
from otel_costattr.pricing import PriceBook, price, shipped_book

MENDS: Final[Mapping[str, str]] = {
    "no_usage": "see what the emitter says below: failed calls have none, streams must ask for it",
    "no_model": "set gen_ai.request.model on the span, or instrument the provider's SDK",
    "bad_usage": "the emitter wrote a count that cannot be: update it, or report it there",
    "unknown_provider": "set gen_ai.provider.name and server.address, or add the model to an overlay",
    "unknown_model": "add the model or deployment to a price overlay: `aliases` or `models`",
    "no_price_at_time": "add a dated price to an overlay for the time of these calls",
    "no_rate": "add the rate to a price overlay",
    "ambiguous_model": "name the provider on the span, or add an alias to a price overlay",
    "cache_rate_assumed": "add the cache rate to a price overlay",
    "cache_ttl_assumed": "add the Anthropic SDK's own spans (anthropic >= 2.10): they split writes",
    "convention_assumed": "pass --conventions with a row for this scope",
    "residual_assumed": "use an instrumentation that counts thoughts and tool use",
    "aborted": "nothing: the stream ended early, what was on the wire is priced",
    "wrapper_sum": "instrument the provider's SDK, so that each call has a span",
    "wrapper_residual": "calls below this span are not instrumented, or were sampled away",
    "model_assumed": "send the response's model, or add a deployment alias to an overlay",
}
"""What mends each reason, where the emitter's own entry does not say better."""

STREAM: Final = 'pass stream_options={"include_usage": True} to the OpenAI client'
"""What mends streams of OpenAI's client without counts."""


@dataclass(slots=True, kw_only=True)
class Finding:
    """One thing that an emitter's telemetry lacks.

    Attributes:
        what: A reason, or the name of a count that is dropped.
        why: What it means.
        mend: The setting or line of code that mends it.
        calls: How many calls it concerns.
        stake_usd: By how much their cost may be wrong, USD; None where nobody can say.
    """

    what: str
    why: str
    mend: str
    calls: int = 0
    stake_usd: Decimal | None = None


@dataclass(slots=True, kw_only=True)
class Patient:
    """One emitter in one version.

    Attributes:
        emitter: The dialect.
        scope: Instrumentation scope.
        version: Its version, or `''`.
        calls: Calls that count.
        priced: Those with a price that assumes nothing.
        total_usd: What they cost, USD.
        findings: What is lacking, by name.
    """

    emitter: str
    scope: str
    version: str
    calls: int = 0
    priced: int = 0
    total_usd: Decimal = Decimal(0)
    findings: dict[str, Finding] = field(default_factory=dict)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="OTLP/JSON, a request or one a line"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object an emitter")
    parser.add_argument(
        "--conventions", metavar="TOML", help="counting conventions that go before the shipped ones"
    )


def run(arguments: argparse.Namespace) -> int:
    """Examine the files and print what is lacking; 1 where something is."""
    book = shipped_book()
    found = assess_files(arguments.files, conventions=arguments.conventions, book=book)
    patients = examine(found, book=book)
    if arguments.json:
        for patient in patients:
            print(json.dumps(as_json(patient), ensure_ascii=False))
    else:
        print("\n".join(report(patients)))
    return 1 if any(patient.findings for patient in patients) else 0


def examine(assessments: Iterable[Assessment], *, book: PriceBook) -> tuple[Patient, ...]:
    """Collect per emitter and version what its calls lack.

    Args:
        assessments: From `assess_all`.
        book: The prices, in USD, to value what is uncertain.
    """
    patients: dict[tuple[str, str, str], Patient] = {}
    for assessment in assessments:
        if not assessment.prices:
            continue
        span, call = assessment.span, assessment.call
        key = (call.emitter, span.scope_name, span.scope_version)
        patient = patients.setdefault(key, Patient(emitter=key[0], scope=key[1], version=key[2]))
        patient.calls += call.role == "call"
        patient.priced += assessment.status == "priced"
        patient.total_usd += assessment.total_usd or 0
        for what, why, mend in _lacks(assessment):
            finding = patient.findings.setdefault(what, Finding(what=what, why=why, mend=mend))
            finding.calls += 1
            stake = _stake(assessment, what, book)
            if stake is not None:
                finding.stake_usd = (finding.stake_usd or Decimal(0)) + stake
    return tuple(sorted(patients.values(), key=lambda p: (p.emitter, p.scope, p.version)))


def _lacks(assessment: Assessment) -> Iterable[tuple[str, str, str]]:
    call = assessment.call
    for reason in assessment.reasons:
        mend = MENDS.get(reason, "")
        if reason == "no_usage" and not call.error_type and call.provider.startswith("openai"):
            mend = STREAM
        yield reason, REASONS[reason], mend
    mends: defaultdict[str, list[str]] = defaultdict(list)
    for name, source in assessment.provenance.items():
        if source.startswith("lost: "):
            mends[source.removeprefix("lost: ")].append(name)
    for mend, names in mends.items():
        yield ", ".join(names), "The emitter drops it.", mend


def _stake(assessment: Assessment, what: str, book: PriceBook) -> Decimal | None:
    """Answer by how much a call's cost may be off because of one lack, USD."""
    total, call = assessment.total_usd, assessment.call
    usage = call.usage
    if total is None or usage is None:
        bounds = assessment.prices[0].bounds_usd
        return bounds[1] - bounds[0] if bounds and what in assessment.reasons else None
    others = [
        other.total_usd
        for counts in _alternatives(usage, what)
        for other in price(_with(call, counts), at_ns=assessment.span.start_ns, book=book)[:1]
    ]
    return max((abs(other - total) for other in others if other is not None), default=None)


def _with(call: ModelCall, counts: Mapping[Unit, int]) -> ModelCall:
    return replace(call, usage=Usage(counts=counts), other_models=())


def _alternatives(usage: Usage, what: str) -> Sequence[Mapping[Unit, int]]:
    """List what the counts may have been, had the emitter said what it drops or leaves open."""
    counts = dict(usage.counts)
    if "cache_read" in what.split(", "):
        return [{**counts, "input": 0, "cache_read": usage.input_total}]
    if what == "cache_ttl_assumed" or "cache_write_1h" in what:
        written = counts.pop("cache_write", 0)
        return [{**counts, "cache_write_1h": written + counts.get("cache_write_1h", 0)}]
    if what == "convention_assumed":
        cached = usage.input_total - counts.get("input", 0)
        return [{**counts, "input": counts.get("input", 0) + cached}]
    if what == "residual_assumed":
        return [{**counts, "output": 0}]
    return []


def as_json(patient: Patient) -> Mapping[str, object]:
    """Lay out one emitter's state as a JSON object; amounts are decimal strings in USD."""
    return {
        "emitter": patient.emitter,
        "scope": patient.scope,
        "version": patient.version,
        "calls": patient.calls,
        "priced": patient.priced,
        "total_usd": usd(patient.total_usd),
        "findings": [
            {
                "what": finding.what,
                "why": finding.why,
                "mend": finding.mend,
                "calls": finding.calls,
                "stake_usd": usd(finding.stake_usd),
            }
            for finding in patient.findings.values()
        ],
    }


def report(patients: Iterable[Patient]) -> list[str]:
    """Lay out the state of every emitter as lines of text."""
    lines: list[str] = []
    for patient in patients:
        version = f" {patient.version}" if patient.version else ""
        counted = f"{patient.calls} calls, {patient.priced} priced without assumption"
        lines.append(
            f"{patient.emitter} ({patient.scope}{version}): {counted}, {patient.total_usd:f} USD"
        )
        for finding in patient.findings.values():
            stake = "" if finding.stake_usd is None else f", up to {finding.stake_usd:f} USD off"
            lines += [
                f"  {finding.what}: {finding.calls} calls{stake}. {finding.why}",
                *([f"    mend: {finding.mend}"] if finding.mend else []),
            ]
        if not patient.findings:
            lines.append("  nothing is lacking")
    return lines or ["no model call found"]
