"""The OpenTelemetry SDK adapter: owners are captured where spans start, costs added where they end.

No SDK lets a processor write on a span that has ended, so a copy with our attributes goes on to
the inner processor or exporter; siblings see the span as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from opentelemetry import baggage
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import Span as LiveSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue as SdkValue

from otel_costattr.attribution.names import PREFIX, SOURCE_ATTRIBUTE, target_of
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules
from otel_costattr.context import OWNER_KEY
from otel_costattr.costs import NAME as COST_NAME
from otel_costattr.guest import Captures, Guard, Statistics, Tally, override
from otel_costattr.model import EMPTY, NO_ATTRIBUTES, Attributes, AttributeValue, Event, Owner, Span
from otel_costattr.preview import Captured, LateAttributes, Preview, Resolver
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr.sampler import CallLog
from otel_costattr.usage import looks_like_genai

MAX_OPEN_SPANS: Final = 10_000

# Where baggage is kept, asked of the API once: its own look-up costs more than all of ours.
_BAGGAGE_KEY: Final = next(iter(baggage.set_baggage("key", "", Context())))

# A tuple: the hash of a member of an enumeration takes longer than all comparisons.
_NEVER_GENAI: Final = (SpanKind.SERVER, SpanKind.PRODUCER, SpanKind.CONSUMER)
_OTHER_SCOPES: Final = frozenset(
    f"opentelemetry.instrumentation.{name}"
    for name in (
        *("aio_pika", "aiohttp_client", "aiokafka", "aiopg", "asyncio", "asyncpg", "boto3sqs"),
        *("cassandra", "celery", "confluent_kafka", "dbapi", "django"),
        *("elasticsearch", "falcon", "fastapi", "flask", "grpc", "httpx", "jinja2", "kafka"),
        *("mysql", "mysqlclient", "pika", "psycopg", "psycopg2", "pymemcache", "pymongo"),
        *("pymssql", "pymysql", "pyramid", "redis", "remoulade", "requests", "sqlalchemy"),
        *("sqlite3", "starlette", "threading", "tornado", "tortoiseorm", "urllib", "urllib3"),
    )
)
"""Scopes that never describe a model call, so that no owner has to be written on their spans."""


class CostSpanProcessor(SpanProcessor):
    """Says who owns each model call and, with an inner processor, what it cost.

    With an inner processor, each span that ends goes on to it: a GenAI span as a copy that carries
    `costattr.*` attributes, every other span untouched. The copy is assessed when somebody first
    reads its attributes, which behind a `BatchSpanProcessor` is the exporter's thread. Without one, the owner is written on spans
    when they start and nothing is forwarded: for exporters wrapped in `CostSpanExporter`, and for
    set-ups that leave pricing to the collector.

    It never raises into the application and never blocks it: an error of ours is counted, and the
    span goes on as it was. Errors of the inner processor stay its own.
    """

    def __init__(
        self,
        inner: SpanProcessor | None = None,
        *,
        book: PriceBook | None = None,
        rules: OwnerRules = DEFAULT_RULES,
        max_open_spans: int = MAX_OPEN_SPANS,
        unsampled: CallLog | None = None,
        estimate_usage: bool = False,
    ) -> None:
        """Load the price book now, so that no model call waits for it.

        Args:
            inner: What spans go on to, such as a `BatchSpanProcessor`; None to attribute only.
            book: Prices in USD; None for the shipped ones.
            rules: Aliases, the baggage allow-list, and the policy for people.
            max_open_spans: Most spans with an owner that are remembered until they end; beyond it
                the oldest loses the owner that its context named.
            unsampled: Where model calls are written that `CostSampler` records but nobody
                exports; None to forget them.
            estimate_usage: Whether calls without token counts get some from the length of their
                texts, marked as estimated.
        """
        self._inner = inner
        self._unsampled = unsampled
        self._tally = Tally()
        self._resolver = Resolver(rules, self._tally)
        self._captures: Captures[Captured] = Captures(max_open_spans)
        self._logging = Guard(self._tally, "unsampled")
        self._pricer = (
            _pricer(book, rules, self._tally, estimate_usage) if inner is not None else None
        )

    @override
    def on_start(self, span: LiveSpan, parent_context: Context | None = None) -> None:
        """Capture the owner in force, where the context is right."""
        try:
            if span.kind not in _NEVER_GENAI and _scope_name(span) not in _OTHER_SCOPES:
                context = get_current() if parent_context is None else parent_context
                local = cast("Owner | None", context.get(OWNER_KEY))
                carried = cast("Mapping[str, object] | None", context.get(_BAGGAGE_KEY))
                if (local is not None or carried) and span.name != COST_NAME:
                    if self._inner is not None:
                        self._captures.put(_key(span), (local, carried))
                    else:
                        span.set_attributes(self._resolver.attributes((local, carried)))
        except Exception as error:  # noqa: BLE001 - the guard, spelt out: every span passes here
            self._tally.failed("on_start", error)
        if self._inner is not None:
            self._inner.on_start(span, parent_context)

    @override
    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on, with owner and cost if it is a GenAI span."""
        if self._unsampled is not None:
            with self._logging:
                self._log_unsampled(span, self._unsampled)
        if self._inner is None or self._pricer is None:
            return
        outgoing = span
        try:
            outgoing = self._pricer.with_cost_later(span, self._captures, self._resolver)
        except Exception as error:  # noqa: BLE001 - the guard, spelt out: every span passes here
            self._tally.failed("on_end", error)
        self._inner.on_end(outgoing)

    @override
    def _on_ending(self, span: LiveSpan) -> None:
        forward = getattr(self._inner, "_on_ending", None)
        if forward is not None:
            forward(span)

    @override
    def shutdown(self) -> None:
        """Shut the inner processor down."""
        if self._inner is not None:
            self._inner.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the inner processor; True where there is none.

        Args:
            timeout_millis: How long it may take, milliseconds.
        """
        return self._inner.force_flush(timeout_millis) if self._inner is not None else True

    def statistics(self) -> Statistics:
        """Return what was assessed, refused, ignored and caught in this process."""
        return self._tally.statistics(self._captures)

    def _log_unsampled(self, span: ReadableSpan, log: CallLog) -> None:
        context = span.get_span_context()
        if context is None or context.trace_flags.sampled:
            return
        captured = self._captures.take(_key(span))
        if span.name == COST_NAME or looks_like_genai(
            _scope_name(span), span.name, _plain(span.attributes)
        ):
            log.write(span, self._resolver.attributes(captured) if captured is not None else EMPTY)


class CostSpanExporter(SpanExporter):
    """Hands spans to an exporter with what they cost; works on the exporter's thread.

    Pair it with `CostSpanProcessor()`, which writes the owner on spans while the application's
    context is still known.
    """

    def __init__(
        self,
        inner: SpanExporter,
        *,
        book: PriceBook | None = None,
        rules: OwnerRules = DEFAULT_RULES,
        estimate_usage: bool = False,
    ) -> None:
        """Load the price book now.

        Args:
            inner: The exporter, such as an `OTLPSpanExporter`.
            book: Prices in USD; None for the shipped ones.
            rules: Aliases, the bare baggage names on spans, and the policy for people.
            estimate_usage: Whether calls without token counts get some from the length of their
                texts, marked as estimated.
        """
        self._inner = inner
        self._tally = Tally()
        self._exporting = Guard(self._tally, "export")
        self._pricer = _pricer(book, rules, self._tally, estimate_usage)

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export every span, GenAI spans as copies with owner and cost."""
        return self._inner.export([self._outgoing(span) for span in spans])

    @override
    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._inner.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter.

        Args:
            timeout_millis: How long it may take, milliseconds.
        """
        return self._inner.force_flush(timeout_millis)

    def statistics(self) -> Statistics:
        """Return what was assessed, refused and caught in this process."""
        return self._tally.statistics()

    def _outgoing(self, span: ReadableSpan) -> ReadableSpan:
        with self._exporting:
            return self._pricer.with_cost(span)
        return span


class _Pricer:
    """From an SDK's span to one of ours, and back to a copy with the attributes that we add."""

    def __init__(self, preview: Preview, guard: Guard) -> None:
        self._preview = preview
        self._guard = guard
        self._resource: tuple[Resource | None, Attributes] = (None, NO_ATTRIBUTES)

    def with_cost(self, span: ReadableSpan) -> ReadableSpan:
        """Return a copy with owner and cost, or the span itself if it is no GenAI span."""
        attributes = _plain(span.attributes)
        if not looks_like_genai(_scope_name(span), span.name, attributes):
            return self._cost(span, attributes)
        self._preview.expect(_above(span))
        whole = self._whole(span, attributes)
        return _copy(span, lambda: whole)

    def with_cost_later(
        self, span: ReadableSpan, captures: Captures[Captured], resolver: Resolver
    ) -> ReadableSpan:
        """Return a copy that works out owner and cost when its attributes are first read."""
        scope = _scope_name(span)
        if scope in _OTHER_SCOPES:
            return self._passed(span) if self._preview.wrappers.kept else span
        captured = captures.take(_key(span)) if captures.kept else None
        attributes, name = _plain(span.attributes), span.name
        if not looks_like_genai(scope, name, attributes):
            if name == COST_NAME or self._preview.wrappers.kept:
                return self._cost(span, attributes)
            return span

        def whole() -> Attributes:
            with self._guard:
                owner = resolver.owner(captured) if captured is not None else None
                return self._whole(span, attributes, owner)
            return attributes

        self._preview.expect(_above(span))
        return _copy(span, whole)

    def _cost(self, span: ReadableSpan, attributes: Attributes) -> ReadableSpan:
        """Return a cost with its owner's people protected; any other span as it is."""
        if span.name != COST_NAME:
            return self._passed(span)
        kept = {n: v for n, v in attributes.items() if not target_of(n) and n != SOURCE_ATTRIBUTE}
        owned = {**kept, **self._preview.owned(self._span(span, attributes))}
        return _copy(span, lambda: owned)

    def _passed(self, span: ReadableSpan) -> ReadableSpan:
        key = _key(span)
        if key in self._preview.wrappers.kept:
            self._preview.passed(self._span(span, NO_ATTRIBUTES), key, _above(span))
        return span

    def _whole(
        self, span: ReadableSpan, attributes: Attributes, captured: Owner | None = None
    ) -> Attributes:
        """Merge; whatever else stands under our prefix is somebody's claim, and goes."""
        added = self._preview.attributes(self._span(span, attributes), captured, _above(span))
        kept = {name: value for name, value in attributes.items() if not name.startswith(PREFIX)}
        return {**kept, **added}

    def _span(self, span: ReadableSpan, attributes: Attributes) -> Span:
        context = span.get_span_context()
        scope = span.instrumentation_scope
        start_ns = span.start_time or 0
        return Span(
            trace_id=format(context.trace_id, "032x") if context is not None else "",
            span_id=format(context.span_id, "016x") if context is not None else "",
            parent_span_id=format(span.parent.span_id, "016x") if span.parent is not None else "",
            name=span.name,
            start_ns=start_ns,
            end_ns=span.end_time or start_ns,
            attributes=attributes,
            events=_events(span),
            scope_name=scope.name if scope is not None else "",
            scope_version=(scope.version or "") if scope is not None else "",
            resource=self._resource_of(span.resource),
            failed=span.status.status_code is StatusCode.ERROR,
        )

    def _resource_of(self, resource: Resource) -> Attributes:
        # One provider has one resource, so the copy made for the last span serves the next one.
        seen, attributes = self._resource
        if seen is not resource:
            attributes = _plain(resource.attributes)
            self._resource = (resource, attributes)
        return attributes


def _pricer(
    book: PriceBook | None,
    rules: OwnerRules,
    tally: Tally,
    estimate: bool,  # noqa: FBT001 - private
) -> _Pricer:
    known = book if book is not None else shipped_book()
    preview = Preview(known, rules, tally, estimate=estimate)
    return _Pricer(preview, Guard(tally, "assess"))


# --- reading and copying what the SDK holds -----------------------------------------------------

Item = TypeVar("Item")


class _Copyable(Protocol):
    def copy(self) -> dict[str, AttributeValue]: ...


def _plain(attributes: Mapping[str, SdkValue] | None) -> dict[str, AttributeValue]:
    """Copy attributes; through `copy`, since reading the SDK's one by one takes a lock each."""
    try:
        return cast("_Copyable", attributes).copy()
    except AttributeError:  # none, or a mapping that somebody else made
        return dict(cast("Attributes", attributes or {}))


def _events(span: ReadableSpan) -> tuple[Event, ...]:
    return tuple(
        Event(name=event.name, time_ns=event.timestamp, attributes=_plain(event.attributes))
        for event in span.events
    )


def _scope_name(span: ReadableSpan) -> str:
    scope = span.instrumentation_scope
    return scope.name if scope is not None else ""


def _key(span: ReadableSpan) -> tuple[int, int]:
    # A context is a tuple that begins with both ids; reading them by name takes twice as long.
    context = span.get_span_context()
    return context[:2] if context is not None else (0, 0)


def _above(span: ReadableSpan) -> tuple[int, int] | None:
    parent = span.parent
    return (parent.trace_id, parent.span_id) if parent is not None else None


def _copy(span: ReadableSpan, make: Callable[[], Attributes]) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=cast("Any", LateAttributes(make, dropped=_dropped(span))),
        events=_counting(span.events, span.dropped_events),
        links=_counting(span.links, span.dropped_links),
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _dropped(span: ReadableSpan) -> int:
    try:
        return span.dropped_attributes
    except AttributeError:  # pragma: no cover - the oldest SDK asks every mapping, tests/sdk shows
        return 0


def _counting(items: Sequence[Item], dropped: int) -> Sequence[Item]:
    if not items and not dropped:
        return ()
    bounded = BoundedList.from_seq(len(items), items)
    bounded.dropped = dropped
    return cast("Sequence[Item]", bounded)
