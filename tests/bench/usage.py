"""What it takes to read, recognise and assess telemetry."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from bench.table import BenchRow

from otel_costattr.assess import assess, assess_all, conclude
from otel_costattr.calls import Counted, Verdict, recognise, remember
from otel_costattr.model import Attributes, Span
from otel_costattr.pricing import PriceBook, shipped_book
from otel_costattr.testing import START_NS, chat_span
from otel_costattr.usage import read

ROUNDS = 200
CALLS_A_ROUND = 100
SPANS_TOGETHER = 2_000

GENAI: Attributes = {
    **{f"app.attribute.{number}": number for number in range(8)},
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.request.temperature": 0.1,
    "gen_ai.conversation.id": "c-1",
    "openai.response.service_tier": "default",
    "server.address": "api.openai.com",
    "server.port": 443,
    "costattr.tenant": "acme",
    "costattr.feature": "chat",
}
"""With the seven of every built span, 25 attributes."""

OTHER = Span(
    trace_id="a" * 32,
    span_id="b" * 16,
    name="GET /",
    scope_name="opentelemetry.instrumentation.httpx",
    attributes={f"http.request.header.{number}": number for number in range(25)},
)


def rows() -> Iterator[BenchRow]:
    """Measure one span alone, a span that is none of ours, and many spans together."""
    book = shipped_book()
    span = chat_span(GENAI)
    number = len(span.attributes)
    yield BenchRow(
        what=f"assess a GenAI span with {number} attributes",
        value=_micros(lambda: assess(span, book=book)),
        unit="us",
        hold="<= 40",
        peer=f"of which reading it {_micros(lambda: read(span)):.3g}",
    )
    yield BenchRow(
        what="assess a span that is no GenAI span",
        value=_micros(lambda: assess(OTHER, book=book)),
        unit="us",
        hold="<= 2",
    )
    spans = tuple(_pairs())
    started = time.process_time()
    found = assess_all(spans, book=book)
    taken = time.process_time() - started
    yield BenchRow(
        what=f"assess {len(spans)} spans together, every call seen by two libraries",
        value=taken / len(spans) * 1e6,
        unit="us/span",
        peer=f"{sum(bool(item.prices) for item in found):,} calls",
    )

    yield _steps(book)


def _steps(book: PriceBook) -> BenchRow:
    """Measure what a collector asks of the library for calls that come one by one."""
    spans = [
        chat_span(GENAI, number=number, start_ns=START_NS + number * 1_000_000)
        for number in range(1, ROUNDS * CALLS_A_ROUND + 1)
    ]
    known: dict[str, Counted] = {}
    rounds = [spans[first : first + CALLS_A_ROUND] for first in range(0, len(spans), CALLS_A_ROUND)]
    taken = min((_in_steps(some, known, book) for some in rounds), key=Counter.total)
    micros = {step: number / CALLS_A_ROUND / 1e3 for step, number in taken.items()}
    return BenchRow(
        what="the library's part of a collector's call",
        value=sum(micros.values()),
        unit="us",
        hold="<= 60",
        peer=", ".join(f"{step} {number:.1f}" for step, number in micros.items()),
    )


def _in_steps(spans: Sequence[Span], known: dict[str, Counted], book: PriceBook) -> Counter[str]:
    """Answer nanoseconds of processor time a step, in the order of a collector."""
    clock = time.process_time_ns
    began = clock()
    pairs = [(span, call) for span in spans if (call := read(span)) is not None]
    was_read = clock()
    verdicts: list[Verdict] = []
    for pair in pairs:
        decided = recognise([pair], links={}, known=known)
        known.update(remember(decided, links={}, known=known))
        verdicts.extend(decided)
    remembered = clock()
    conclude(verdicts, book=book)
    return Counter(
        {
            "read": was_read - began,
            "recognise and remember": remembered - was_read,
            "conclude": clock() - remembered,
        }
    )


def _micros(work: Callable[[], object]) -> float:
    """Answer the least processor time of one call: other work on the machine only adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        for _ in range(CALLS_A_ROUND):
            work()
        best = min(best, (time.process_time_ns() - started) / CALLS_A_ROUND / 1e3)
    return best


def _pairs() -> Iterator[Span]:
    for number in range(1, SPANS_TOGETHER // 2 + 1):
        start_ns = START_NS + number * 20_000_000
        identity: Attributes = {**GENAI, "gen_ai.response.id": f"chatcmpl-{number:08d}"}
        for scope, offset in (("framework", 0), ("opentelemetry.instrumentation.genai.openai", 1)):
            yield chat_span(
                identity,
                number=2 * number + offset,
                start_ns=start_ns + offset * 1_000_000,
                end_ns=start_ns + 900_000_000,
                scope_name=scope,
            )
