"""Wrapper sums: counted only where nothing below is, and never silently larger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otel_costattr.calls.candidates import Candidate, Links, ancestors, totals_of
from otel_costattr.calls.groups import Groups
from otel_costattr.calls.rules import SLACK_NS
from otel_costattr.model import INPUT_TOKEN_UNITS, OUTPUT_TOKEN_UNITS, ModelCall, Unit, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The verdict on one wrapper.

    Attributes:
        wrapper: The wrapper.
        call: What counts of it: its sum, its residual, or None for nothing.
        reason: Key of `REASONS`.
    """

    wrapper: Candidate
    call: ModelCall | None
    reason: str


def settle(
    wrappers: Sequence[Candidate],
    groups: Groups,
    counted: Mapping[Candidate, Usage | None],
    links: Links,
) -> list[Sum]:
    """Decide on every wrapper, innermost first.

    Args:
        wrappers: Spans with a sum, and calls that turned out to wrap several.
        groups: The sets of spans that are one call.
        counted: Each set's winner and what it counts.
        links: Who is whose parent.
    """
    weights = {winner: totals_of(usage) for winner, usage in counted.items() if usage is not None}
    holders: dict[Candidate, list[Candidate]] = {
        winner: groups.members(winner) for winner in weights
    }
    found: list[Sum] = []
    depth = {item: sum(1 for _ in ancestors(item.ref, links)) for item in wrappers}
    for wrapper in sorted(wrappers, key=lambda c: (-depth[c], c.rank)):
        inside = _inside(wrapper, holders, links) or _in_other_traces(wrapper, holders, weights)
        verdict = _verdict(wrapper, [weights[item] for item in inside], inside)
        found.append(verdict)
        if verdict.call is not None and verdict.call.usage is not None:
            weights[wrapper] = totals_of(verdict.call.usage)
            holders[wrapper] = [wrapper]
    return found


def _inside(
    wrapper: Candidate, holders: Mapping[Candidate, Iterable[Candidate]], links: Links
) -> list[Candidate]:
    return [
        winner
        for winner, members in holders.items()
        if winner is not wrapper
        and any(wrapper.ref in ancestors(member.ref, links) for member in members)
    ]


def _in_other_traces(
    wrapper: Candidate,
    holders: Mapping[Candidate, Iterable[Candidate]],
    weights: Mapping[Candidate, tuple[int, int]],
) -> list[Candidate]:
    """Find calls whose context was lost: other traces, inside in time, equal in sum."""
    found = [
        winner
        for winner, members in holders.items()
        if all(member.span.trace_id != wrapper.span.trace_id for member in members)
        and wrapper.begin_ns - SLACK_NS <= winner.begin_ns
        and winner.end_ns <= wrapper.end_ns + SLACK_NS
    ]
    total = (sum(weights[w][0] for w in found), sum(weights[w][1] for w in found))
    return found if found and total == wrapper.totals else []


def _verdict(
    wrapper: Candidate, weights: Sequence[tuple[int, int]], inside: Sequence[Candidate]
) -> Sum:
    call = replace(wrapper.call, role="aggregate")
    if not inside:
        return Sum(wrapper=wrapper, call=call if call.usage else None, reason="wrapper_sum")
    rest = _residual(call.usage, weights)
    if rest is None:
        return Sum(wrapper=wrapper, call=None, reason="wrapper_sum")
    models = {item.call.response_model or item.call.request_model for item in inside}
    if not (call.request_model or call.response_model) and len(models) == 1:
        call = replace(call, request_model=models.pop(), provider=inside[0].call.provider)
    reasons = tuple(r for r in call.reasons if r != "wrapper_sum")
    call = replace(call, usage=rest, reasons=("wrapper_residual", *reasons), other_models=())
    return Sum(wrapper=wrapper, call=call, reason="wrapper_residual")


_SIDES: Final = ((INPUT_TOKEN_UNITS, "input"), (OUTPUT_TOKEN_UNITS, "output"))


def _residual(usage: Usage | None, weights: Sequence[tuple[int, int]]) -> Usage | None:
    """Answer what a sum has beyond the calls below it; a token a call is counting noise."""
    if usage is None:
        return None
    inputs, outputs = sum(w[0] for w in weights), sum(w[1] for w in weights)
    more_input = max(0, usage.input_total - inputs)
    more_output = max(0, usage.output_total - outputs)
    if more_output <= len(weights):
        more_output = 0
    counts: dict[Unit, int] = {}
    if more_input:
        counts["input"] = more_input
    if more_output:
        counts["output"] = more_output
    if not counts:
        return None
    source = "derived: sum of the wrapper - calls below it"
    return Usage(counts=counts, sources=dict.fromkeys(counts, source))
