"""Health, readiness and metrics on the API port, in front of the API itself."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from .metrics import CONTENT_TYPE, Metrics


def create_operations_app(
    *, api: ASGIApp, metrics: Metrics, is_ready: Callable[[], bool]
) -> Starlette:
    """Return an application with `/healthz`, `/readyz` and `/metrics`; all else goes to `api`.

    Args:
        api: Answers every other path.
        metrics: What `/metrics` shows.
        is_ready: Whether telemetry is taken: 200 on `/readyz`, else 503.
    """

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        if is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting or stopping"}, status_code=503)

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.page(), headers={"content-type": CONTENT_TYPE})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", show_metrics),
            Mount("/", app=api),
        ]
    )
