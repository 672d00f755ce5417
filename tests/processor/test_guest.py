"""Guest manners: failures of ours are counted and stay ours; memory is bounded; forks are fine."""

import gc
import json
import logging
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from processor.tracing import CALL, Keep, KeepExported, call, ours, tracer

from otel_costattr import attribution, guest
from otel_costattr.guest import Captures, Guard, Tally, override
from otel_costattr.processor import CostSpanExporter, CostSpanProcessor


class Hostile(dict[str, Any]):
    """Attributes of an SDK gone wrong."""

    def __bool__(self) -> bool:
        return True

    @override
    def copy(self) -> dict[str, Any]:
        """Fail."""
        raise RuntimeError("no attributes today")


class BrokenSpan:
    """A span whose attributes cannot be read."""

    name = "chat"
    kind = None
    parent = None
    instrumentation_scope = None
    attributes = Hostile()

    def get_span_context(self) -> None:
        """Know nothing."""


def test_failures_never_reach_the_host(caplog: pytest.LogCaptureFixture) -> None:
    """A span that breaks our code goes on as it was; the failure is counted and logged once."""
    inner, exporter = Keep(), KeepExported()
    span: Any = BrokenSpan()
    processor, costs = CostSpanProcessor(inner), CostSpanExporter(exporter)
    with caplog.at_level(logging.WARNING, "otel_costattr"):
        for _ in range(3):
            processor.on_end(span)
            costs.export([span])

    assert inner.ended == [span] * 3
    assert exporter.spans == [span] * 3
    assert processor.statistics().failures == {"on_end": 3}
    assert costs.statistics().failures == {"export": 3}
    assert len(caplog.records) == 2


def test_failure_at_the_start() -> None:
    """A span that cannot be looked at when it starts still reaches the inner processor."""
    inner = Keep()
    processor = CostSpanProcessor(inner)

    class Nameless:
        name = "x"

    processor.on_start(Nameless())  # type: ignore[arg-type]
    assert inner.started == ["x"]
    assert processor.statistics().failures == {"on_start": 1}


def test_failure_while_assessing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the assessment itself fails, the copy has the attributes that it had."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    monkeypatch.setattr("otel_costattr.preview.read", None)
    call(tracer(processor))

    assert dict(inner.ended[0].attributes or {}) == CALL
    assert processor.statistics().failures == {"assess": 1}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_passes(kind: type[BaseException]) -> None:
    """The guard holds errors, not the end of the program."""
    with pytest.raises(kind), Guard(Tally(), "here"):
        raise kind


def test_spans_that_never_end_do_not_leak() -> None:
    """Open spans beyond the limit lose their captured owner, the oldest first, and are counted."""
    inner = Keep()
    processor = CostSpanProcessor(inner, max_open_spans=2)
    spans = tracer(processor)
    with attribution(tenant="acme"):
        opened = [spans.start_span("chat", attributes=CALL) for _ in range(3)]
    for span in opened:
        span.end()

    assert [ours(span).get("tenant") for span in inner.ended] == [None, "acme", "acme"]
    assert processor.statistics().evicted == 1
    assert processor.statistics().open_spans == 0


def test_processors_can_be_collected() -> None:
    """Nothing of ours keeps a processor alive that its application has dropped."""
    processor = CostSpanProcessor(Keep())
    gone = weakref.ref(processor)
    del processor
    gc.collect()

    assert gone() is None


def test_captures_replace_and_forget() -> None:
    """What is taken is forgotten; what is put twice counts once."""
    captures: Captures[str] = Captures(2)
    captures.put(1, "a")
    captures.put(1, "b")

    assert captures.get(1) == "b"
    assert captures.take(1) == "b"
    assert captures.take(1) is None
    assert (len(captures), captures.evicted) == (0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork() -> None:
    """A forked child starts with counters at zero, an empty table and locks that nobody holds."""
    script = Path(__file__).with_name("forking.py")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=15, check=False
    )

    assert done.returncode == 0, done.stderr
    child, parent = (json.loads(line) for line in done.stdout.splitlines())
    assert child == [{}, 0, "priced"]
    assert parent == [{"priced": 1}, 1, "priced"]


def test_reset_forgets_everything() -> None:
    """What a forked child inherits is forgotten: counters, open spans and calls that were seen."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    call(tracer(processor))
    assert ours(inner.ended[0])["cost.status"] == "priced"
    with attribution(tenant="acme"):
        tracer(processor).start_span("never ends")

    guest._reset_all()

    assert processor.statistics() == guest.Statistics()


class Bare(Mapping[str, Any]):
    """A mapping that can do no more than it must."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._attributes = attributes

    @override
    def __getitem__(self, name: str) -> Any:
        return self._attributes[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    @override
    def __len__(self) -> int:
        return len(self._attributes)


def test_attributes_of_other_makers() -> None:
    """Spans that others built, without attributes or with a mapping of their own, are read too."""
    inner = Keep()
    processor = CostSpanProcessor(inner)
    priced_then = 1_790_000_000_000_000_000
    made = [
        ReadableSpan("x", attributes={}),
        ReadableSpan("x", attributes=Bare(CALL), start_time=priced_then),
    ]
    for span in made:
        processor.on_end(span)

    assert inner.ended[0] is made[0]
    assert ours(inner.ended[1])["cost.status"] == "priced"
    assert processor.statistics().failures == {}
