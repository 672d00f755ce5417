"""One verdict a span: it counts, repeats a call that counts, or sums calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import cast

from otel_costattr.calls import rules
from otel_costattr.calls.ancestry import depths, join_families
from otel_costattr.calls.candidates import Candidate, Links, candidate, links_of
from otel_costattr.calls.groups import Groups
from otel_costattr.calls.known import NOTHING_KNOWN, Known
from otel_costattr.calls.late import Late, earlier_call
from otel_costattr.calls.merge import best, detail, merged
from otel_costattr.calls.records import Counted, QuickVerdict, Verdict
from otel_costattr.calls.sums import Sum, settle
from otel_costattr.model import ModelCall, Span


def recognise(
    pairs: Iterable[tuple[Span, ModelCall]],
    *,
    links: Links | None = None,
    known: Known = NOTHING_KNOWN,
) -> tuple[Verdict, ...]:
    """Decide which spans are the same model call; the same for every order of the pairs.

    Args:
        pairs: Spans with what they say, calls and sums together.
        links: Who is whose parent, spans that are no call included; None takes it from the pairs.
        known: Calls that counted earlier, under their `keys_of`.

    Returns:
        One verdict a pair, in the order of the pairs.
    """
    if links is None:
        pairs = tuple(pairs)
        links = links_of(span for span, _ in pairs)
    items = [candidate(span, call, links) for span, call in pairs]
    if len(items) == 1 and items[0].call.role == "call":
        # Most calls come alone; the rules have nothing to compare them with.
        return (_verdict_alone(items[0], known),)
    ordered = sorted(items, key=lambda item: item.rank)
    decided = _Decision(ordered, links, known).verdicts()
    return tuple(decided[item] for item in items)


def _verdict_alone(item: Candidate, known: Known) -> Verdict:
    if known:
        late = Late(item, known)
        earlier, rule = earlier_call((late,))
        if earlier is not None or late.has_kin:
            (verdict,) = _verdicts(item, item.call, (late,), _untied, (earlier, rule))
            return verdict
    return cast("Verdict", QuickVerdict(item, _only(item.span.scope_name)))


def _untied(_: Candidate) -> str:
    return ""


@lru_cache(maxsize=4096)
def _only(scope: str) -> frozenset[str]:
    """Make the set of one scope; calls of one scope share it for as long as they are remembered."""
    return frozenset({scope})


def _verdicts(
    winner: Candidate,
    call: ModelCall,
    members: Sequence[Late],
    rule_of: Callable[[Candidate], str],
    found: tuple[Counted | None, str],
) -> Iterable[Verdict]:
    """State the outcome of one call, a verdict a member.

    Args:
        winner: The member that counts.
        call: Its merged call.
        members: Every span of the call.
        rule_of: Names the rule that tied a member in.
        found: The same call as counted in an earlier window, and the rule that found it.
    """
    scopes = frozenset(member.item.span.scope_name for member in members)
    earlier, rule = found
    for member in members:
        won = member.item is winner
        if earlier is not None:
            yield Verdict(
                span=member.item.span,
                call=call if won else member.item.call,
                kind="duplicate",
                duplicate_of=earlier.ref,
                rule=rule,
                scopes=scopes,
                amends=won and _better(call, earlier),
                seen=member.item,
            )
        elif won:
            yield Verdict(
                span=member.item.span,
                call=call,
                kind="sum" if member.is_sum else "counts",
                rule=rule_of(member.item),
                scopes=scopes,
                reverses=next(filter(None, (one.sum_above for one in members)), ""),
                seen=member.item,
            )
        else:
            yield Verdict(
                span=member.item.span,
                call=member.item.call,
                kind="duplicate",
                duplicate_of=winner.ref,
                rule=rule_of(member.item),
                scopes=scopes,
                seen=member.item,
            )


class _Decision:
    """One run of recognition over a sorted set of candidates."""

    def __init__(self, items: Sequence[Candidate], links: Links, known: Known) -> None:
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
            late = [Late(member, self._known) for member in members]
            earlier = earlier_call(late) if self._known else (None, "")
            stated = _verdicts(winner, call, late, self._groups.rule, earlier)
            found.update(zip(members, stated, strict=True))
        return winners

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


def _better(call: ModelCall, earlier: Counted) -> bool:
    """Whether a late merged call tells its usage apart more finely than what was counted."""
    return detail(call) > earlier.detail
