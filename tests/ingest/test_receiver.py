"""What a receiver does before it decodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from otel_costattr_collector.access import Gate
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.errors import Overloaded
from otel_costattr_collector.ingest import Receiver, Submission
from otel_costattr_collector.ingest.receiver import Request
from otel_costattr_collector.metrics import Metrics

from otel_costattr.errors import BadTelemetry


def _full() -> None:
    raise Overloaded("5 spans wait for the ledger: send again later")


def _receiver(tmp_path: Path) -> Receiver:
    async def keep(_submission: Submission, _weight: int) -> None:
        raise AssertionError

    return Receiver(
        decoder=Decoder(wanted=lambda _span: True),
        keep=keep,
        gate=Gate(tmp_path / "no keys", open_without_keys=True),
        metrics=Metrics(),
        max_body_bytes=1000,
        max_decompressed_bytes=1000,
        max_waiting_bytes=1000,
        check_room=_full,
    )


def test_nothing_is_decoded_while_there_is_no_room_for_it(tmp_path: Path) -> None:
    """Not even garbage is looked at; metrics, of which nothing is kept, are."""
    receiver = _receiver(tmp_path)

    async def scenario() -> None:
        with pytest.raises(Overloaded, match="5 spans wait"):
            await receiver.receive(Request(door="http", signal="traces", body=b"garbage"))
        with pytest.raises(Overloaded, match="5 spans wait"):
            await receiver.receive(Request(door="grpc", signal="logs", body=b"garbage"))
        with pytest.raises(BadTelemetry):
            await receiver.receive(Request(door="http", signal="metrics", body=b"garbage"))

    asyncio.run(scenario())
    receiver.close()
