"""Forks with every lock of ours held, and prints what the child and the parent then see."""

# The SDK itself hangs in the child unless this is imported before its first provider is made.
import concurrent.futures.thread
import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from processor.tracing import Keep, call, ours, tracer  # noqa: E402 - after the path is set

from otel_costattr import attribution  # noqa: E402 - likewise
from otel_costattr.processor import CostSpanProcessor  # noqa: E402 - likewise


def main() -> None:
    """Assess one call, leave a span open, fork, and assess another call in the child."""
    del concurrent.futures.thread
    inner = Keep()
    processor = CostSpanProcessor(inner)
    spans = tracer(processor)
    call(spans)
    first = ours(inner.ended[0])["cost.status"]
    with attribution(tenant="acme"):
        spans.start_span("never ends")
    assert processor._pricer is not None
    locks = (processor._tally._lock, processor._pricer._preview._lock)
    for lock in locks:
        lock.acquire()
    child = os.fork()
    if not child:
        before = processor.statistics()
        call(tracer(processor))
        status = ours(inner.ended[-1])["cost.status"]
        os.write(1, json.dumps([dict(before.assessed), before.open_spans, status]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    for lock in locks:
        lock.release()
    after = processor.statistics()
    os.write(1, b"\n" + json.dumps([dict(after.assessed), after.open_spans, first]).encode())


main()
