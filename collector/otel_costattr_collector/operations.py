"""How the service itself is doing, on the API port, in front of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from .metrics import CONTENT_TYPE, Metrics


def with_operations(
    api: ASGIApp,
    *,
    metrics: Metrics,
    progress: Callable[[], Mapping[str, int]],
    status: Callable[[], Mapping[str, Any]],
) -> Starlette:
    """Return an application with `GET /metrics`, `/v1/ingest` and `/v1/status`; else `api`.

    None says anything of what was received but how much it was, so none asks for a key.

    Args:
        api: Answers every other path.
        metrics: What `/metrics` shows, in Prometheus' text format.
        progress: What `/v1/ingest` shows: spans and blocks that are not in the ledger yet.
        status: What `/v1/status` shows: what runs, and how it does.
    """

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.page(), headers={"content-type": CONTENT_TYPE})

    async def show_progress(_request: Request) -> Response:
        return JSONResponse(dict(progress()))

    async def show_status(_request: Request) -> Response:
        return JSONResponse(dict(status()))

    return Starlette(
        routes=[
            Route("/metrics", show_metrics),
            Route("/v1/ingest", show_progress),
            Route("/v1/status", show_status),
            Mount("/", app=api),
        ]
    )
