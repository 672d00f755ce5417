"""`POST /v1/costs`.

Without postponed annotations: the types of a route are values here.
"""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from otel_costattr.errors import BadInput

from ..access.gate import Principal
from ..analytics.router import FAILURES
from ..answers import failure
from .book import CostBook, CostsTaken
from .posted import MAX_BODY_BYTES, MAX_COSTS, PostedCost, read_posted

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    **FAILURES,
    409: failure("An id is known with other content."),
}


def costs_router(book: CostBook, sender: Any) -> APIRouter:
    """Make the route.

    Args:
        book: Books what is posted.
        sender: Gives the sender of a request, who may send.
    """
    router = APIRouter(tags=["inputs"])
    one = PostedCost.model_json_schema()
    body = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_COSTS}]}

    @router.post(
        "/v1/costs",
        responses=_FAILURES,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}}
        },
    )
    async def costs(request: Request, principal: Principal = sender) -> CostsTaken:
        """Book a cost that is no model call, or several: all or none; idempotent by id."""
        posted = read_posted(await _body(request))
        return await run_in_threadpool(book.take, posted, tenant=principal.tenant)

    return router


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BadInput(f"the body is larger than {MAX_BODY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
