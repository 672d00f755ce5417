"""OTLP over HTTP: every status code that OTLP has, in the format of the request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from collector.doors import RETRY_AFTER_S, Doors, open_doors
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otel_costattr_collector.access import create_key
from otel_costattr_collector.errors import Overloaded
from wire import NOW_NS, calls, gzipped, otlp_json, traces, wire_span

from otel_costattr.errors import PermanentError, RetryableError

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def test_good_spans_are_kept_and_answered_with_nothing_to_say() -> None:
    """Protobuf gets an empty message, JSON an empty object, each with its content type."""

    async def scenario() -> None:
        async with open_doors() as doors:
            request = traces(*calls(2))
            protobuf = await post(doors, request.SerializeToString(), PROTOBUF)
            in_json = await post(doors, otlp_json(request), JSON)

            assert (protobuf.status_code, protobuf.content) == (200, b"")
            assert protobuf.headers["content-type"] == "application/x-protobuf"
            assert (in_json.status_code, in_json.json()) == (200, {})
            assert in_json.headers["content-type"] == "application/json"
            first, second = doors.kept
            assert first.spans == second.spans
            assert len(first.spans) == 2
            accepted = {"door": "http", "signal": "traces", "outcome": "accepted"}
            assert doors.count("costattr_requests_total", **accepted) == 2
            assert doors.count("costattr_received_total", signal="traces") == 4

    asyncio.run(scenario())


def test_a_partial_success_says_how_many_and_why() -> None:
    """The bad span is counted in the answer; its neighbour is kept."""

    async def scenario() -> None:
        async with open_doors() as doors:
            request = traces(wire_span(number=1), wire_span(number=2, span_id=b"\x01"))
            in_json = await post(doors, otlp_json(request), JSON)
            protobuf = await post(doors, request.SerializeToString(), PROTOBUF)

            why = "span id '01': 16 hex digits, not all zero"
            assert in_json.status_code == protobuf.status_code == 200
            assert in_json.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": why}}
            response = ExportTraceServiceResponse.FromString(protobuf.content)
            assert response.partial_success.rejected_spans == 1
            assert response.partial_success.error_message == why
            assert [len(submission.spans) for submission in doors.kept] == [1, 1]
            assert doors.count("costattr_rejected_total", reason="bad_span_id") == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        pytest.param(PROTOBUF, b"\xff", 400, "no protobuf", id="garbage-protobuf"),
        pytest.param(JSON, b"{", 400, "no JSON", id="garbage-json"),
        pytest.param(
            PROTOBUF | {"content-encoding": "gzip"},
            gzipped(bytes(range(256)))[:40],
            400,
            "ends in the middle",
            id="half-gzip",
        ),
        pytest.param(
            PROTOBUF | {"content-encoding": "gzip"},
            gzipped(b"\0" * 3_000_000),
            413,
            "after decompression",
            id="gzip-bomb",
        ),
        pytest.param(PROTOBUF, b"\0" * 1_000_001, 413, "larger than 1000000", id="too-large"),
        pytest.param({"content-type": "text/plain"}, b"", 415, "content-type", id="media-type"),
        pytest.param(PROTOBUF | {"content-encoding": "br"}, b"", 415, "gzip", id="encoding"),
    ],
)
def test_bad_input_is_a_permanent_error_that_says_what_was_wrong(
    headers: dict[str, str], body: bytes, status: int, words: str
) -> None:
    """The status is one that a sender does not retry; the body is a `google.rpc.Status`."""

    async def scenario() -> None:
        async with open_doors() as doors:
            answer = await post(doors, body, headers)

            assert answer.status_code == status
            assert "retry-after" not in answer.headers
            assert words in message_of(answer)
            assert not doors.kept

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("failure", "status", "retry", "words"),
    [
        pytest.param(Overloaded("9 spans wait"), 429, True, "9 spans wait", id="overloaded"),
        pytest.param(RetryableError("secret host"), 503, True, "see its log", id="store-down"),
        pytest.param(ValueError("a bug"), 503, True, "see its log", id="bug"),
        pytest.param(PermanentError("code 6"), 500, False, "see its log", id="refused"),
    ],
)
def test_trouble_of_ours_says_whether_to_try_again(
    *, failure: Exception, status: int, retry: bool, words: str
) -> None:
    """What may pass carries `Retry-After`; our inside is never told."""

    async def scenario() -> None:
        async with open_doors() as doors:
            doors.failure.append(failure)
            answer = await post(doors, traces(wire_span()).SerializeToString(), PROTOBUF)

            assert answer.status_code == status
            assert answer.headers.get("retry-after") == (str(RETRY_AFTER_S) if retry else None)
            assert words in message_of(answer)

    asyncio.run(scenario())


def test_other_paths_and_methods() -> None:
    """A wrong path is 404, a wrong method 405."""

    async def scenario() -> None:
        async with open_doors() as doors:
            assert (await doors.http.post("/v1/trace")).status_code == 404
            assert (await doors.http.get("/v1/traces")).status_code == 405

    asyncio.run(scenario())


@pytest.mark.timeout(60)
def test_a_body_of_100_mb_is_refused_while_it_comes() -> None:
    """Chunked, so that no header tells; the refusal comes without the body in memory."""

    async def scenario() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"\0" * 1_000_000

        async with open_doors() as doors:
            try:
                answer = await doors.http.post("/v1/traces", content=chunks(), headers=PROTOBUF)
            except httpx.TransportError:
                return  # closed while we were still sending, which is as clear
            assert answer.status_code == 413

    asyncio.run(scenario())


def test_too_many_bytes_in_flight_are_told_to_wait() -> None:
    """While a large request waits for its commit, the next one is refused, not queued."""

    async def scenario() -> None:
        arrived, release = asyncio.Event(), asyncio.Event()

        def gate() -> asyncio.Event:
            arrived.set()
            return release

        body = traces(*calls(100)).SerializeToString()
        async with open_doors(max_waiting_bytes=len(body) + 10, wait_for=gate) as doors:
            first = asyncio.create_task(post(doors, body, PROTOBUF))
            await arrived.wait()
            second = await post(doors, body, PROTOBUF)
            release.set()

            assert second.status_code == 429
            assert (await first).status_code == 200

    asyncio.run(scenario())


async def post(doors: Doors, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """Post to `/v1/traces`."""
    return await doors.http.post("/v1/traces", content=body, headers=headers)


def message_of(answer: httpx.Response) -> str:
    """Return the message of the `google.rpc.Status` in the body, whatever its format."""
    if answer.headers["content-type"] == "application/json":
        message: str = json.loads(answer.content)["message"]
        return message
    return str(Status.FromString(answer.content).message)


def test_a_key_lets_in_and_its_tenant_goes_along(tmp_path: Path) -> None:
    """Without a key nothing is read; with one, its tenant is what the spans are kept under."""

    async def scenario() -> None:
        keys = tmp_path / "keys.json"
        _, secret = create_key(keys, role="ingest", tenant="acme", name="app", now_ns=NOW_NS)
        _, reader = create_key(keys, role="read", tenant="", name="report", now_ns=NOW_NS)
        body = traces(wire_span()).SerializeToString()
        async with open_doors(keys_file=keys) as doors:
            statuses = [
                (await post(doors, body, PROTOBUF | headers)).status_code
                for headers in (
                    {},
                    {"x-api-key": reader},
                    {"authorization": f"Bearer {secret}"},
                )
            ]

            assert statuses == [401, 403, 200]
            assert [submission.key_tenant for submission in doors.kept] == ["acme"]

    asyncio.run(scenario())
