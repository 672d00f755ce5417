"""Late telemetry: what comes after its call was counted, and what the ledger should say then.

What was booked a short while ago is decided again together with what comes, so that the ledger
ends with the same sums in whatever order and pieces telemetry arrives. Of calls that counted
longer ago only the keys are known: those are amended if a late copy knows the call better, or if
a late child shows that it is inside a wrapper's sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from otel_costattr.assess import conclude
from otel_costattr.attribution import OwnerRules
from otel_costattr.calls import Counted, Known, Links, Verdict, recognise
from otel_costattr.calls.candidates import candidate
from otel_costattr.model import Assessment, ModelCall, Span
from otel_costattr.pricing import PriceBook

from ..ledger import Line, as_mapping, lines_of
from .long_ago import Folding, unfolded, wishes_of
from .recent import Told
from .wishes import Wish, ref_of


@dataclass(slots=True, kw_only=True)
class Decision:
    """What is decided about spans that came together.

    Attributes:
        verdicts: On the new spans, and on earlier ones of the same calls.
        assessments: Of the new spans.
        lines: Of the new spans.
        wishes: What the ledger should say of earlier ones.
        told: The new spans, to be kept.
        again: Earlier spans and what is known of them now.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    again: list[tuple[Told, Told]] = field(default_factory=list)


class Hidden:
    """What is remembered of calls, without that of spans which are here whole.

    Args:
        known: What is remembered.
        refs: The spans, as recognition names them.
    """

    __slots__ = ("_known", "_refs")

    def __init__(self, known: Known, refs: Collection[str]) -> None:
        self._known = known
        self._refs = frozenset(refs)

    def get(self, key: str, /) -> Counted | None:
        """Return what is remembered under a key, unless its span is here whole."""
        found = self._known.get(key)
        return None if found is None or found.ref in self._refs else found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __len__(self) -> int:
        return len(self._known)


def decide(
    fresh: Sequence[tuple[Span, ModelCall]],
    earlier: Sequence[Told],
    *,
    because: Span,
    key_tenant: str,
    links: Links,
    known: Known,
    book: PriceBook,
    rules: OwnerRules,
    estimate: bool = False,
    fold: Folding = unfolded,
) -> Decision:
    """Decide about spans that came together, and again about what they have to do with.

    Args:
        fresh: What has come.
        earlier: What was booked and may have to do with it.
        because: The span that made it necessary; a better one is named where there is one.
        key_tenant: The tenant that the sender's key proves, or `''`.
        links: Who is whose parent.
        known: Calls that counted, under their keys.
        book: Prices.
        rules: How owners are found.
        estimate: Whether calls without counts get some from the length of their texts.
        fold: Bounds the values of dimensions, as it did for what was booked.
    """
    pairs = [*((one.span, one.call) for one in earlier), *fresh]
    rest = Hidden(known, {ref_of(one.span) for one in earlier}) if earlier else known
    found = recognise(pairs, links=links, known=rest)
    cast = _Cast(pairs, found, [*earlier, *(None for _ in fresh)])
    wanted = cast.touched()
    judged = fold(
        conclude(
            [found[place] for place in wanted],
            book=book,
            rules=rules,
            key_tenant=key_tenant,
            estimate=estimate,
        )
    )
    decision = cast.decision(dict(zip(wanted, judged, strict=True)), key_tenant, because=because)
    decision.wishes += wishes_of(
        decision.verdicts, book=book, rules=rules, key_tenant=key_tenant, fold=fold
    )
    return decision


class _Cast:
    """Spans in their places, and who plays which part: the first that counted keeps its call."""

    def __init__(
        self,
        pairs: Sequence[tuple[Span, ModelCall]],
        found: Sequence[Verdict],
        before: Sequence[Told | None],
    ) -> None:
        self._pairs: Final = pairs
        self._before: Final = before
        self._final: Final = list(found)
        self._plays: Final = list(range(len(found)))
        """Place to the place whose assessment is booked there."""
        self._groups: Final = _groups(found)
        for winner, members in self._groups.items():
            self._keep_first(winner, members)

    def _keep_first(self, winner: int, members: Sequence[int]) -> None:
        verdict = self._final[winner]
        counted = [place for place in members if self._counted(place)]
        if verdict.kind != "counts" or not counted or winner in counted:
            return
        first = min(counted, key=lambda place: candidate(*self._pairs[place]).rank)
        span = self._pairs[first][0]
        own, rule = ref_of(span), self._final[first].rule
        self._plays[first], self._plays[winner] = winner, first
        for place in members:
            if place not in {first, winner}:
                self._final[place] = replace(self._final[place], duplicate_of=own)
        self._final[first] = replace(verdict, span=span)
        late, call = self._pairs[winner]
        self._final[winner] = Verdict(
            span=late,
            call=call,
            kind="duplicate",
            duplicate_of=own,
            rule=rule,
            scopes=verdict.scopes,
        )

    def _counted(self, place: int) -> bool:
        told = self._before[place]
        return told is not None and told.verdict.kind == "counts"

    def touched(self) -> list[int]:
        """List the places of every call that a new span tells of, or that is decided otherwise."""
        return [
            place
            for members in self._groups.values()
            if any(self._is_news(member) for member in members)
            for place in members
        ]

    def _is_news(self, place: int) -> bool:
        told, now = self._before[place], self._final[place]
        if told is None:
            return True
        was = told.verdict
        return was.kind != now.kind or (now.kind == "counts" and was.call != now.call)

    def decision(
        self, judged: Mapping[int, Assessment], key_tenant: str, *, because: Span
    ) -> Decision:
        """Lay out what is booked."""
        decision = Decision()
        for winner, members in self._groups.items():
            if winner not in judged:
                continue
            cause, call_key = self._cause(members, because), ""
            for place in sorted(members, key=lambda one: self._final[one].kind != "counts"):
                call_key = self._book(decision, place, judged, call_key, cause, key_tenant)
        return decision

    def _cause(self, members: Sequence[int], because: Span) -> str:
        """Name the new span that is the reason: one of the same call, else any."""
        for among in (members, range(len(self._pairs))):
            news = [place for place in among if self._before[place] is None]
            if news:
                first = min(news, key=lambda place: candidate(*self._pairs[place]).rank)
                return ref_of(self._pairs[first][0])
        return ref_of(because)

    def _book(
        self,
        decision: Decision,
        place: int,
        judged: Mapping[int, Assessment],
        call_key: str,
        cause: str,
        key_tenant: str,
    ) -> str:
        told, verdict = self._before[place], self._final[place]
        assessment = self._assessment(place, judged)
        known = told.call_key if told is not None else ""
        lines = lines_of(assessment, call_key=known or call_key)
        now = Told(
            key_tenant=key_tenant,
            span=self._pairs[place][0],
            call=self._pairs[place][1],
            verdict=verdict,
            booked=assessment.call if told is None else told.booked,
            owner=assessment.owner,
        )
        decision.verdicts.append(verdict)
        if told is None:
            decision.assessments.append(assessment)
            decision.lines += lines
            decision.told.append(now)
        else:
            decision.again.append((told, now))
            if self._is_news(place) or (verdict.kind == "counts" and told.owner != now.owner):
                summed = "aggregate" in {told.call.role, verdict.call.role} or verdict.kind == "sum"
                word = "late_child" if summed else "late_copy"
                decision.wishes.append(
                    Wish(
                        arrived=told.arrived,
                        at_ns=told.span.start_ns,
                        cause=f"{word}:{cause}",
                        lines=lines,
                    )
                )
        return call_key or str(as_mapping(lines[0])["call_key"])

    def _assessment(self, place: int, judged: Mapping[int, Assessment]) -> Assessment:
        verdict, assessment = self._final[place], judged[self._plays[place]]
        if self._plays[place] == place:
            return replace(assessment, duplicate_of=verdict.duplicate_of)
        if verdict.kind == "counts":
            return assessment
        return replace(
            assessment,
            span=verdict.span,
            call=verdict.call,
            duplicate_of=verdict.duplicate_of,
            owner=judged[place].owner,
        )


def _groups(found: Sequence[Verdict]) -> dict[int, list[int]]:
    """Group places by the place of the span that counts their call."""
    winners: dict[str, int] = {}
    for place, verdict in enumerate(found):
        if verdict.kind != "duplicate":
            winners.setdefault(ref_of(verdict.span), place)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place, verdict in enumerate(found):
        winner = winners.get(verdict.duplicate_of, place) if verdict.duplicate_of else place
        groups[winner].append(place)
    return dict(groups)
