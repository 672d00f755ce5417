"""One verdict a span: it counts, repeats a call that counts, or sums calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from otel_costattr.calls import rules
from otel_costattr.calls.ancestry import depths, join_families
from otel_costattr.calls.candidates import Candidate, Links, ancestors, candidate, links_of
from otel_costattr.calls.groups import Groups
from otel_costattr.calls.memory import (
    Counted,
    response_key,
    same_stream,
    same_time,
    stream_keys,
    time_keys,
)
from otel_costattr.calls.merge import best, detail, merged
from otel_costattr.calls.sums import Sum, settle
from otel_costattr.model import ModelCall, Span

Kind = Literal["counts", "duplicate", "sum"]

NOTHING_KNOWN: Final[Mapping[str, Counted]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What recognition decided about one span.

    Attributes:
        span: The span.
        call: The merged call where it counts, a wrapper's residual included; else its own.
        kind: `counts`, `duplicate`, or `sum` for a wrapper that does not count.
        duplicate_of: `trace_id:span_id` of the span that counts instead, or `''`.
        rule: The rule that recognised the call, or `''`.
        scopes: Scopes of every span of the same call, for `Counted`.
        amends: Whether the duplicate knows the remembered call better than what was counted:
            more detail, or other counts. Book a pair if its price differs.
        reverses: `trace_id:span_id` of a wrapper whose sum was counted before this call beneath
            it arrived; reverse that sum.
    """

    span: Span
    call: ModelCall
    kind: Kind
    duplicate_of: str = ""
    rule: str = ""
    scopes: frozenset[str] = frozenset()
    amends: bool = False
    reverses: str = ""


def recognise(
    pairs: Iterable[tuple[Span, ModelCall]],
    *,
    links: Links | None = None,
    known: Mapping[str, Counted] = NOTHING_KNOWN,
) -> tuple[Verdict, ...]:
    """Decide which spans are the same model call; the same for every order of the pairs.

    Args:
        pairs: Spans with what they say, calls and sums together.
        links: Who is whose parent, spans that are no call included; None takes it from the pairs.
        known: Calls that counted earlier, under their `keys_of`.

    Returns:
        One verdict a pair, in the order of the pairs.
    """
    items = [candidate(span, call) for span, call in pairs]
    if len(items) == 1 and not known and links is None:
        return (_alone(items[0]),)
    parents = links_of(item.span for item in items) if links is None else links
    first = items[0] if len(items) == 1 else None
    if first and first.call.role == "call" and not _remembered(first, parents, known):
        # Most spans come alone; the rules have nothing to compare them with.
        return (_alone(items[0]),)
    ordered = sorted(items, key=lambda item: item.rank)
    decided = _Decision(ordered, parents, known).verdicts()
    return tuple(decided[item] for item in items)


def _remembered(item: Candidate, links: Links, known: Mapping[str, Counted]) -> bool:
    """Tell whether anything that was remembered may concern a call that comes alone."""
    names = (
        f"s:{item.key}",
        f"a:{item.ref}",
        response_key(item),
        *time_keys(item),
        *stream_keys(item),
    )
    return any(name in known for name in names) or known_above(item, links, known) is not None


def _alone(item: Candidate) -> Verdict:
    return Verdict(
        span=item.span,
        call=item.call,
        kind="counts",
        scopes=frozenset({item.span.scope_name}),
    )


class _Decision:
    """One run of recognition over a sorted set of candidates."""

    def __init__(
        self, items: Sequence[Candidate], links: Links, known: Mapping[str, Counted]
    ) -> None:
        self._links = links
        self._known = known
        self._depth = depths(items, links)
        self._groups = Groups(items)
        rules.same_span(self._groups, items)
        self._calls = [item for item in items if item.call.role == "call"]
        self._sums = [item for item in items if item.call.role == "aggregate"]

    def verdicts(self) -> dict[Candidate, Verdict]:
        """Apply the rules, most certain first, and state the outcome."""
        groups, calls, links = self._groups, self._calls, self._links
        rules.same_response(groups, calls)
        rules.logs_of_spans(groups, calls)
        rules.log_twins(groups, calls)
        rules.stream_ends(groups, calls)
        wrappers = join_families(groups, calls, links, self._depth)
        leaves = [item for item in calls if item not in wrappers]
        rules.same_time(groups, leaves, links)
        found: dict[Candidate, Verdict] = {}
        winners = self._call_verdicts(leaves, found)
        self._sum_verdicts([*self._sums, *wrappers], winners, found)
        return found

    def _call_verdicts(
        self, leaves: Sequence[Candidate], found: dict[Candidate, Verdict]
    ) -> dict[Candidate, ModelCall]:
        winners: dict[Candidate, ModelCall] = {}
        seen: set[Candidate] = set()
        for item in leaves:
            root = self._groups.root(item)
            if root in seen:
                continue
            seen.add(root)
            members = [m for m in self._groups.members(root) if m.call.role == "call"]
            winner = best(members, self._depth)
            call = merged(winner, members)
            winners[winner] = call
            self._state(winner, call, members, found)
        return winners

    def _state(
        self,
        winner: Candidate,
        call: ModelCall,
        members: Sequence[Candidate],
        found: dict[Candidate, Verdict],
    ) -> None:
        scopes = frozenset(member.span.scope_name for member in members)
        earlier, rule = self._earlier(members)
        for member in members:
            won = member is winner
            if earlier is not None:
                found[member] = Verdict(
                    span=member.span,
                    call=call if won else member.call,
                    kind="duplicate",
                    duplicate_of=earlier.ref,
                    rule=rule,
                    scopes=scopes,
                    amends=won and _better(call, earlier),
                )
            elif won:
                found[member] = Verdict(
                    span=member.span,
                    call=call,
                    kind="sum" if self._late_sum(winner) else "counts",
                    rule=self._groups.rule(member),
                    scopes=scopes,
                    reverses=self._reversed(members),
                )
            else:
                found[member] = Verdict(
                    span=member.span,
                    call=member.call,
                    kind="duplicate",
                    duplicate_of=winner.ref,
                    rule=self._groups.rule(member),
                    scopes=scopes,
                )

    def _earlier(self, members: Sequence[Candidate]) -> tuple[Counted | None, str]:
        """Find the call that counted in an earlier window, and the rule that found it."""
        known = self._known
        if not known:
            return None, ""
        looks: tuple[tuple[str, Callable[[Candidate], Counted | None]], ...] = (
            ("same_span", lambda member: known.get(f"s:{member.key}")),
            ("response_id", lambda member: known.get(response_key(member))),
            ("stream_end", self._known_stream),
            ("ancestry", self._known_family),
            ("time", self._known_in_time),
        )
        for rule, look in looks:
            for member in members:
                hit = look(member)
                if hit is not None and hit.role == "call":
                    return hit, rule
        return None, ""

    def _known_in_time(self, member: Candidate) -> Counted | None:
        hits = (self._known.get(key) for key in time_keys(member))
        return next((hit for hit in hits if hit is not None and same_time(member, hit)), None)

    def _known_stream(self, member: Candidate) -> Counted | None:
        hits = (self._known.get(key) for key in stream_keys(member))
        return next((hit for hit in hits if hit is not None and same_stream(member, hit)), None)

    def _known_family(self, member: Candidate) -> Counted | None:
        """Find a remembered call right above or below a late one."""
        over = known_above(member, self._links, self._known)
        for hit in (over, self._known_below(member)):
            if hit is not None and hit.role == "call" and _one_family(member, hit):
                return hit
        return None

    def _known_below(self, member: Candidate) -> Counted | None:
        return self._known.get(f"a:{member.ref}") if member.span.signal == "span" else None

    def _late_sum(self, winner: Candidate) -> bool:
        """Whether a late call with more than a remembered one below it wraps several."""
        hit = self._known_below(winner)
        return (
            hit is not None
            and not winner.response_id
            and winner.totals is not None
            and hit.totals is not None
            and winner.totals[0] > hit.totals[0]
        )

    def _reversed(self, members: Sequence[Candidate]) -> str:
        for member in members:
            hit = known_above(member, self._links, self._known)
            if hit is not None and hit.role == "aggregate" and member.totals is not None:
                return hit.ref
        return ""

    def _sum_verdicts(
        self,
        wrappers: Sequence[Candidate],
        winners: Mapping[Candidate, ModelCall],
        found: dict[Candidate, Verdict],
    ) -> None:
        once: dict[Candidate, Candidate] = {}
        for wrapper in wrappers:
            once.setdefault(self._groups.root(wrapper), wrapper)
        usages = {winner: call.usage for winner, call in winners.items()}
        for verdict in settle(list(once.values()), self._groups, usages, self._links):
            found[verdict.wrapper] = self._sum_verdict(verdict)
        for wrapper in wrappers:
            first = once[self._groups.root(wrapper)]
            if wrapper not in found:
                found[wrapper] = Verdict(
                    span=wrapper.span,
                    call=wrapper.call,
                    kind="duplicate",
                    duplicate_of=first.ref,
                    rule="same_span",
                )

    def _sum_verdict(self, verdict: Sum) -> Verdict:
        wrapper = verdict.wrapper
        scopes = frozenset({wrapper.span.scope_name})
        again = self._known.get(f"s:{wrapper.key}")
        if again is not None:
            return Verdict(
                span=wrapper.span,
                call=wrapper.call,
                kind="duplicate",
                duplicate_of=again.ref,
                rule="same_span",
                scopes=scopes,
            )
        below = self._known.get(f"a:{wrapper.ref}")
        if verdict.call is None or below is not None:
            return Verdict(span=wrapper.span, call=wrapper.call, kind="sum", scopes=scopes)
        return Verdict(
            span=wrapper.span,
            call=verdict.call,
            kind="counts",
            rule=verdict.reason,
            scopes=scopes,
        )


def known_above(item: Candidate, links: Links, known: Mapping[str, Counted]) -> Counted | None:
    """Find the nearest remembered span above a late one."""
    if not known:
        return None
    parents = (
        [f"{item.span.trace_id}:{item.span.parent_span_id}"] if item.span.parent_span_id else []
    )
    for ref in [*parents, *ancestors(item.ref, links)]:
        hit = known.get(f"s:{ref}")
        if hit is not None:
            return hit
    return None


def _one_family(member: Candidate, hit: Counted) -> bool:
    """Whether a late call right above or below a remembered one can be the same call."""
    counted = member.totals is not None and hit.totals is not None
    alike = member.totals is None or hit.totals is None or rules.alike(member.totals, hit.totals)
    if member.response_id and hit.response_id and member.response_id != hit.response_id:
        return counted and alike and member.span.scope_name not in hit.scopes
    return alike


def _better(call: ModelCall, earlier: Counted) -> bool:
    """Whether a late merged call knows more than what was counted."""
    usage = call.usage
    if usage is None:
        return False
    totals = (usage.input_total, usage.output_total)
    return detail(call) > earlier.detail or (
        detail(call) == earlier.detail and earlier.totals is None and totals != earlier.totals
    )
