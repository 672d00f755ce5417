"""`GET /v1/analytics/margins`: for keys without a tenant, since a margin is no customer's business.

Without postponed annotations: the types of a route are values here.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Principal
from otel_costattr_collector.analytics import answering
from otel_costattr_collector.analytics.router import ANSWERS
from otel_costattr_collector.analytics.rows import Page
from otel_costattr_collector.analytics.small_groups import asked_as
from otel_costattr_collector.margins.question import MARGINS, Margin, MarginsAsked
from otel_costattr_collector.store import Store


def margins_router(store: Store, reader: Any) -> APIRouter:
    """Make the route.

    Args:
        store: Where the answers come from.
        reader: A dependency that gives the principal who asks.
    """
    router = APIRouter(tags=["answers"])

    @router.get(MARGINS.path, responses=ANSWERS, response_model=Page[Margin])
    def margins(asked: Annotated[MarginsAsked, Query()], principal: Principal = reader) -> Any:
        """What is left of revenue after cost, by tenant, plan and feature, in whole days.

        Revenue is null, never 0, where none was posted; with unpriced calls a margin is too high.
        """
        if principal.tenant:
            raise Forbidden("a key of one tenant does not ask what we earn")
        asked = asked_as(principal, MARGINS.query, asked)
        if asked.format != "json":
            found = answering.export(store, MARGINS, asked)
            headers = {"X-Truncated": "true" if found.truncated else "false"}
            return Response(found.body, media_type=found.media_type, headers=headers)
        return answering.answer(store, MARGINS, asked)

    return router
