"""The ASGI application that speaks ClickHouse's HTTP interface, for reading.

It serves what clickhouse-connect, clickhouse-go (and with it Grafana's ClickHouse data source),
curl and other HTTP clients send: the query in the body or in `query`, `param_<name>`, `database`,
`default_format`, `query_id`, settings in the URL, a key as password. Answers are written whole, so
an error is always a status and a code, never a broken stream.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from otel_costattr.errors import BadTelemetry

from ..access import AccessError, Gate, KeyNeeded, Unauthenticated
from ..codec import decompress
from .compression import compressed
from .engine import Engine, Result
from .errors import SqlError
from .formats import format_named
from .guard import Admitted, Guard
from .limits import SqlLimits
from .native import hello_block

_HELLO: Final = "select displayname(), version(), revision(), timezone()"
_NAME: Final = "otel-costattr"
_OK: Final = "Ok.\n"

_log: Final = logging.getLogger(__name__)

Answer = tuple[bytes, dict[str, str]]


def create_sql_app(
    engine: Engine,
    guard: Guard,
    gate: Gate,
    *,
    limits: SqlLimits,
    count: Callable[[str], None] = lambda _outcome: None,
) -> Starlette:
    """Return the application.

    Args:
        engine: Runs what the guard admits.
        guard: Decides what may run.
        gate: Tells who asks.
        limits: The caps of one query, and of queries at the same time.
        count: Told `answered`, `refused` or `failed` for each query.
    """
    endpoint = _Endpoint(engine, guard, gate, limits, count)
    return Starlette(
        routes=[
            Route("/ping", _pong, methods=["GET"]),
            Route("/replicas_status", _pong, methods=["GET"]),
            Route("/{path:path}", endpoint.answer, methods=["GET", "POST"]),
        ]
    )


async def _pong(_request: Request) -> Response:
    return PlainTextResponse(_OK)


class _Endpoint:
    """Answers queries, a bounded number at a time."""

    def __init__(
        self,
        engine: Engine,
        guard: Guard,
        gate: Gate,
        limits: SqlLimits,
        count: Callable[[str], None],
    ) -> None:
        self._count: Final = count
        self._engine: Final = engine
        self._guard: Final = guard
        self._gate: Final = gate
        self._limits: Final = limits
        self._busy = 0
        self._threads: Final = ThreadPoolExecutor(
            max_workers=limits.max_simultaneous, thread_name_prefix="sql"
        )

    async def answer(self, request: Request) -> Response:
        """Return the answer to one request; every error has its status and code."""
        query_id = request.query_params.get("query_id", "")[:200] or str(uuid.uuid4())
        headers = {
            "X-ClickHouse-Query-Id": query_id.encode("ascii", "replace").decode(),
            "X-ClickHouse-Server-Display-Name": _NAME,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            return await self._answered(request, headers)
        except ClientDisconnect:
            return Response(status_code=499)
        except AccessError as error:
            return self._refused(_as_sql(error), headers)
        except SqlError as error:
            return self._refused(error, headers)
        except Exception:  # noqa: BLE001 - every error has its answer
            _log.exception("a query failed for a reason of ours")
            ours = SqlError(1001, "STD_EXCEPTION", "the query failed; see the collector's log")
            return self._refused(ours, headers)

    async def _answered(self, request: Request, headers: dict[str, str]) -> Response:
        sql = await self._sql(request)
        if not sql.strip() and request.method in {"GET", "HEAD"}:
            return PlainTextResponse(_OK)
        self._gate.authenticate(request.headers.items()).require("sql")
        self._check_database(request.query_params.get("database", ""))
        if sql.strip().rstrip(";").lower() == _HELLO and _is_native_client(request):
            body, own = self._hello(), {"X-ClickHouse-Format": "Native"}
        else:
            body, own = await self._run(sql, request)
        self._count("answered")
        return self._response(body, {**headers, **own}, request)

    async def _sql(self, request: Request) -> str:
        if "multipart/" in request.headers.get("content-type", ""):
            raise SqlError(48, "NOT_IMPLEMENTED", "external tables are not supported")
        limit = self._limits.max_query_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise SqlError(223, "QUERY_IS_TOO_LARGE", f"the query is longer than {limit} bytes")
        try:
            plain = decompress(
                bytes(body), request.headers.get("content-encoding", ""), max_bytes=limit
            )
        except BadTelemetry as error:
            raise SqlError(354, "CANNOT_DECOMPRESS", str(error)) from error
        return request.query_params.get("query", "") + plain.decode("utf-8", "surrogateescape")

    def _check_database(self, name: str) -> None:
        if name not in {"", "default", self._engine.database}:
            raise SqlError(81, "UNKNOWN_DATABASE", f"Database {name[:100]} does not exist")

    async def _run(self, sql: str, request: Request) -> Answer:
        if self._busy >= self._limits.max_simultaneous + self._limits.max_waiting:
            raise SqlError(
                202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"{self._busy} queries run or wait already"
            )
        self._busy += 1
        try:
            loop = asyncio.get_running_loop()
            parameters, asked = _asked(request)
            return await loop.run_in_executor(self._threads, self._work, sql, parameters, asked)
        finally:
            self._busy -= 1

    def _work(self, sql: str, parameters: Mapping[str, str], asked: Mapping[str, str]) -> Answer:
        admitted = self._guard.admit(
            sql,
            parameters=parameters,
            asked=asked,
            default_format=asked.get("default_format", "") or "TabSeparated",
        )
        result = self._engine.run(admitted, parameters)
        return result.body, _headers_of(admitted, result)

    def _hello(self) -> bytes:
        return hello_block(name=_NAME, version=self._engine.version, timezone=self._engine.timezone)

    @staticmethod
    def _response(body: bytes, headers: dict[str, str], request: Request) -> Response:
        wanted = request.headers.get("accept-encoding", "")
        if request.query_params.get("enable_http_compression", "1") in {"0", "false"}:
            wanted = ""
        body, encoding = compressed(body, wanted)
        if encoding:
            headers["Content-Encoding"] = encoding
        media_type = format_named(headers["X-ClickHouse-Format"]).media_type
        return Response(body, headers={**headers, "Content-Type": media_type})

    def _refused(self, error: SqlError, headers: dict[str, str]) -> Response:
        self._count("failed" if error.http_status >= 500 else "refused")
        told = {**headers, "X-ClickHouse-Exception-Code": str(error.code)}
        if error.http_status == 401:
            told["WWW-Authenticate"] = 'Basic realm="otel-costattr"'
        body = error.body(self._engine.version)
        return PlainTextResponse(body, status_code=error.http_status, headers=told)


def _asked(request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the parameters of the query and everything else that the URL says."""
    given = dict(request.query_params)
    header = request.headers.get("x-clickhouse-format", "")
    if header:
        given.setdefault("default_format", header)
    parameters = {
        name.removeprefix("param_"): value
        for name, value in given.items()
        if name.startswith("param_")
    }
    return parameters, {name: given[name] for name in given if not name.startswith("param_")}


def _is_native_client(request: Request) -> bool:
    asked = request.query_params
    return (
        asked.get("default_format") == "Native" and asked.get("client_protocol_version", "0") > "0"
    )


def _headers_of(admitted: Admitted, result: Result) -> dict[str, str]:
    summary = {
        "read_rows": str(result.read_rows),
        "read_bytes": str(result.read_bytes),
        "written_rows": "0",
        "written_bytes": "0",
        "result_bytes": str(len(result.body)),
        "elapsed_ns": str(result.elapsed_ns),
    }
    return {
        "X-ClickHouse-Format": admitted.format.name,
        "X-ClickHouse-Summary": json.dumps(summary, separators=(",", ":")),
    }


def _as_sql(error: AccessError) -> SqlError:
    """Return a refusal at the door as ClickHouse says it."""
    code, name = next(told for kind, told in _REFUSALS if isinstance(error, kind))
    return SqlError(code, name, str(error))


_REFUSALS: Final[tuple[tuple[type[AccessError], tuple[int, str]], ...]] = (
    (KeyNeeded, (194, "REQUIRED_PASSWORD")),
    (Unauthenticated, (516, "AUTHENTICATION_FAILED")),
    (AccessError, (497, "ACCESS_DENIED")),
)
