"""Sets of spans that are one call, joined by rules; the order of joining never shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from otel_costattr.calls.candidates import Candidate

Rule = Literal["same_span", "response_id", "log_of_span", "stream_end", "ancestry", "time", "known"]

STRENGTH: Final[tuple[Rule, ...]] = (
    "same_span",
    "response_id",
    "log_of_span",
    "stream_end",
    "ancestry",
    "time",
    "known",
)
"""The rules, most certain first; the first that ties a span to its call is stored."""


class Groups:
    """Disjoint sets of candidates, with the rule that tied each one in."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._parent: dict[Candidate, Candidate] = {item: item for item in candidates}
        self._members: dict[Candidate, list[Candidate]] = {item: [item] for item in candidates}
        self._rules: dict[Candidate, Rule] = {}

    def root(self, item: Candidate) -> Candidate:
        """Answer the one candidate that stands for the set of `item`."""
        parent = self._parent
        while parent[item] is not item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def members(self, item: Candidate) -> list[Candidate]:
        """List the set of `item`."""
        return self._members[self.root(item)]

    def join(self, one: Candidate, other: Candidate, rule: Rule) -> None:
        """Make two sets one; both candidates remember the strongest rule that tied them."""
        for item in (one, other):
            known = self._rules.get(item)
            if known is None or STRENGTH.index(rule) < STRENGTH.index(known):
                self._rules[item] = rule
        first, second = self.root(one), self.root(other)
        if first is second:
            return
        if len(self._members[first]) < len(self._members[second]):
            first, second = second, first
        self._parent[second] = first
        self._members[first].extend(self._members.pop(second))

    def rule(self, item: Candidate) -> str:
        """Answer the rule that tied `item` in, `''` where it is alone."""
        return self._rules.get(item, "")

    def scopes(self, item: Candidate) -> set[str]:
        """List the instrumentation scopes in the set of `item`."""
        return {member.span.scope_name for member in self.members(item)}

    def response_ids(self, item: Candidate) -> set[str]:
        """List the response ids in the set of `item`."""
        return {member.response_id for member in self.members(item) if member.response_id}

    def has_usage(self, item: Candidate) -> bool:
        """Tell whether any span of the set carries counts."""
        return any(member.totals is not None for member in self.members(item))

    def totals(self, item: Candidate) -> set[tuple[int, int]]:
        """List the (input, output) sums that spans of the set claim."""
        return {member.totals for member in self.members(item) if member.totals is not None}
