"""Calls without counts on their way through the collector: lengths are kept, texts never."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ingest.path import FakeStore, opened
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.codec.projection import Projection
from otel_costattr_collector.ingest import Submission
from wire import CALL, NOW_NS, traces, wire_span

from otel_costattr.model import Attributes
from otel_costattr.usage import is_genai

NAMES = {name: value for name, value in CALL.items() if "usage" not in name}
TEXTS: Attributes = {
    **NAMES,
    "gen_ai.input.messages": "secret words " * 400,
    "gen_ai.output.messages": "secret answer",
}


@pytest.mark.parametrize(("lengths", "status"), [(False, "unpriced"), (True, "estimated")])
def test_the_switch_decides(tmp_path: Path, *, lengths: bool, status: str) -> None:
    """Off: unpriced(no_usage). On: estimated(usage_estimated). No word reaches the disk either way."""
    decoder = Decoder(wanted=is_genai, reducer=Projection(lengths=lengths).reducer)
    body = traces(wire_span(TEXTS)).SerializeToString()
    spans = decoder.decode("traces", body, "protobuf", now_ns=NOW_NS).spans
    store = FakeStore()

    async def sent() -> float:
        async with opened(tmp_path, store, estimate_usage=lengths) as path:
            await path.pipeline.submit(Submission(spans=spans, received_ns=NOW_NS), len(spans))
        return path.count("costattr_assessed_total", status=status)

    assert asyncio.run(sent()) == 1
    assert "secret" not in repr(spans)
    assert store.holds("usage_estimated") == (2 if lengths else 0)
    assert store.holds("secret") == 0
    written = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert b"secret" not in written
