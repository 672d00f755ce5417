"""The one meeting place: a span in, a counted, priced and owned call out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

from otel_costattr.attribution import DEFAULT_RULES, OwnerRules, owner_attributes, owner_of
from otel_costattr.calls import Verdict, links_of, recognise
from otel_costattr.model import (
    EMPTY,
    NOBODY,
    Assessment,
    ModelCall,
    Owner,
    Price,
    Span,
    Status,
)
from otel_costattr.pricing import PriceBook, price
from otel_costattr.usage import SHIPPED, Conventions, event_provenance, losses_of, read
from otel_costattr.usage.estimate import estimated

_RANK: Final[Mapping[str, int]] = {"priced": 0, "estimated": 1, "unpriced": 2}


def assess(
    span: Span,
    *,
    book: PriceBook,
    rules: OwnerRules = DEFAULT_RULES,
    captured: Owner = NOBODY,
    key_tenant: str = "",
    conventions: Conventions = SHIPPED,
    estimate: bool = False,
) -> Assessment | None:
    """Say what one span's call costs and who owns it; never raises.

    A span alone cannot know its copies: this is a preview, `assess_all` is the account.

    Args:
        span: A span, or a log record or event as a span.
        book: The prices, in USD.
        rules: How owners are found.
        captured: The owner that the application's context named when the span started.
        key_tenant: Tenant of the authenticated key, or `''`.
        conventions: Which emitters count cached tokens inside the input count.
        estimate: Whether calls without counts get some from the length of their texts, so marked.

    Returns:
        The assessment, or None for a span that is no model call and no sum of calls.
    """
    call = read(span, conventions=conventions)
    if call is None:
        return None
    owner = owner_of(span, rules=rules, captured=captured, key_tenant=key_tenant)
    return _counted(span, estimated(call, span) if estimate else call, owner, book=book)


def assess_all(
    spans: Iterable[Span],
    *,
    book: PriceBook,
    rules: OwnerRules = DEFAULT_RULES,
    key_tenant: str = "",
    conventions: Conventions = SHIPPED,
    estimate: bool = False,
) -> tuple[Assessment, ...]:
    """Assess spans together, each model call counted once; never raises.

    The result does not depend on the order of the spans, except for its own order.

    Args:
        spans: Everything that was received, spans that are no call included: they say who is
            whose parent.
        book: The prices, in USD.
        rules: How owners are found.
        key_tenant: Tenant of the authenticated key, or `''`.
        conventions: Which emitters count cached tokens inside the input count.
        estimate: Whether calls without counts get some from the length of their texts, so marked.

    Returns:
        One assessment for each span that is a model call or a sum of calls, duplicates included.
    """
    everything = tuple(spans)
    pairs = [
        (span, call)
        for span in everything
        if (call := read(span, conventions=conventions)) is not None
    ]
    verdicts = recognise(pairs, links=links_of(everything))
    return conclude(verdicts, book=book, rules=rules, key_tenant=key_tenant, estimate=estimate)


def conclude(
    verdicts: Iterable[Verdict],
    *,
    book: PriceBook,
    rules: OwnerRules = DEFAULT_RULES,
    key_tenant: str = "",
    estimate: bool = False,
) -> tuple[Assessment, ...]:
    """Price and attribute what recognition has decided, one assessment a verdict; never raises.

    An owner that only a duplicate names is taken over by the call that counts.

    Args:
        verdicts: From `calls.recognise`, those of one call together.
        book: The prices, in USD.
        rules: How owners are found.
        key_tenant: Tenant of the authenticated key, or `''`.
        estimate: Whether calls without counts get some from the length of their texts, so marked.
    """
    owned = [(v, owner_of(v.span, rules=rules, key_tenant=key_tenant)) for v in verdicts]
    lent: dict[str, list[Owner]] = {}
    for verdict, owner in owned:
        if verdict.duplicate_of and (owner.values or owner.tags):
            lent.setdefault(verdict.duplicate_of, []).append(owner)
    return tuple(
        [
            judge(
                verdict,
                _whole(verdict, owner, lent) if lent else owner,
                book=book,
                estimate=estimate,
            )
            for verdict, owner in owned
        ]
    )


def _whole(verdict: Verdict, owner: Owner, lent: Mapping[str, list[Owner]]) -> Owner:
    others = lent.get(verdict.span.ref)
    return _together(owner, others) if others and verdict.kind == "counts" else owner


def judge(verdict: Verdict, owner: Owner, *, book: PriceBook, estimate: bool = False) -> Assessment:
    """Price one verdict for an owner that is known already; never raises.

    Args:
        verdict: From `calls.recognise` or `PreviewRecogniser.see`.
        owner: Who owns the call.
        book: The prices, in USD.
        estimate: Whether a call without counts gets some from the length of its texts, so marked.
    """
    if verdict.kind == "counts":
        call = estimated(verdict.call, verdict.span) if estimate else verdict.call
        return _counted(verdict.span, call, owner, book=book, verdict=verdict)
    return _uncounted(verdict, owner)


def attributes_of(assessment: Assessment) -> Mapping[str, str | int | float]:
    """Write an assessment as the `costattr.*` attributes of its span.

    Args:
        assessment: The verdict on the span.

    Returns:
        Owner, status and reason; for what was priced its total as a double and, exactly, as a
        decimal string in USD, with the price entry and the book's version.
    """
    found: dict[str, str | int | float] = dict(owner_attributes(assessment.owner))
    found["costattr.cost.status"] = assessment.status
    if assessment.reasons:
        found["costattr.cost.reason"] = assessment.reasons[0]
    if assessment.duplicate_of:
        found["costattr.cost.duplicate_of"] = assessment.duplicate_of
    total = assessment.total_usd
    if total is not None:
        # Attributes have no decimals: a double for charts, and beside it the amount itself.
        found["costattr.cost.total_usd"] = float(total)
        found["costattr.cost.exact_usd"] = format(total, "f")
    if assessment.prices:
        main = assessment.prices[0]
        if main.entry:
            found["costattr.price.entry"] = main.entry
        found["costattr.price.book"] = main.book
    return found


def _counted(
    span: Span,
    call: ModelCall,
    owner: Owner,
    *,
    book: PriceBook,
    verdict: Verdict | None = None,
) -> Assessment:
    prices = price(call, at_ns=span.start_ns, book=book)
    made = QuickAssessment(
        span,
        call,
        prices,
        owner,
        _status(call, prices),
        _reasons(call, prices),
        verdict.rule if verdict else "",
        _provenance(span, call),
    )
    return cast("Assessment", made)


class QuickAssessment:
    """Becomes the `Assessment` of what counts, in a third of the time that the record takes."""

    __slots__ = Assessment.__slots__

    def __init__(  # noqa: PLR0917 - keywords cost a third of the time that this saves
        self,
        span: Span,
        call: ModelCall,
        prices: tuple[Price, ...],
        owner: Owner,
        status: Status,
        reasons: tuple[str, ...],
        dedupe_rule: str,
        provenance: Mapping[str, str],
    ) -> None:
        self.span = span
        self.call = call
        self.prices = prices
        self.owner = owner
        self.status = status
        self.reasons = reasons
        self.duplicate_of = ""
        self.dedupe_rule = dedupe_rule
        self.provenance = provenance
        self.__class__ = Assessment  # type: ignore[assignment]


def _uncounted(verdict: Verdict, owner: Owner) -> Assessment:
    status: Status = "duplicate_of" if verdict.kind == "duplicate" else "aggregate"
    return Assessment(
        span=verdict.span,
        call=verdict.call,
        prices=(),
        owner=owner,
        status=status,
        reasons=verdict.call.reasons if status == "aggregate" else (),
        duplicate_of=verdict.duplicate_of,
        dedupe_rule=verdict.rule,
        provenance=_provenance(verdict.span, verdict.call),
    )


def _status(call: ModelCall, prices: tuple[Price, ...]) -> Status:
    if call.role == "aggregate":
        return "aggregate"
    if len(prices) == 1:
        return "committed" if prices[0].committed else prices[0].status
    worst = max(prices, key=lambda one: _RANK[one.status])
    return "committed" if all(one.committed for one in prices) else worst.status


def _reasons(call: ModelCall, prices: tuple[Price, ...]) -> tuple[str, ...]:
    if len(prices) == 1 and not call.reasons:
        return prices[0].reasons
    said = (reason for one in prices for reason in one.reasons)
    return tuple(dict.fromkeys((*said, *call.reasons)))


def _provenance(span: Span, call: ModelCall) -> Mapping[str, str]:
    """Say where each count came from, and which ones the emitter dropped."""
    if span.signal == "event":
        return event_provenance(span, call)
    if call.usage is None:
        return EMPTY
    sources = cast("Mapping[str, str]", call.usage.sources)
    lost = losses_of(span, call)
    return {**sources, **lost} if lost else sources


def _together(owner: Owner, others: Iterable[Owner]) -> Owner:
    """Complete an owner with what the spans of the same call say."""
    values, tags, sources = dict(owner.values), dict(owner.tags), dict(owner.sources)
    for other in others:
        for dimension, value in other.values.items():
            if dimension not in values:
                values[dimension] = value
                sources[dimension] = other.sources.get(dimension, "span")
        for name, value in other.tags.items():
            if name not in tags:
                tags[name] = value
                sources[f"tags.{name}"] = other.sources.get(f"tags.{name}", "span")
    if len(values) == len(owner.values) and len(tags) == len(owner.tags):
        return owner
    return Owner(values=values, tags=tags, sources=sources, refused=owner.refused)
