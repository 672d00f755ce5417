"""Metrics on the API port, in front of the API itself."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from .metrics import CONTENT_TYPE, Metrics


def with_metrics(api: ASGIApp, metrics: Metrics) -> Starlette:
    """Return an application with `GET /metrics`; all else goes to `api`."""

    async def show(_request: Request) -> Response:
        return Response(metrics.page(), headers={"content-type": CONTENT_TYPE})

    return Starlette(routes=[Route("/metrics", show), Mount("/", app=api)])
