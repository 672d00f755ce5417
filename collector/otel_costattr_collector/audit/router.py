"""`POST /v1/audit`: compare the books, and mend them if asked to.

Without postponed annotations: the types of a route are values here.
"""

from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.gate import Gate
from otel_costattr_collector.answers import Failure, failure
from otel_costattr_collector.audit.auditor import AnotherMends
from otel_costattr_collector.audit.background import Audits
from otel_costattr_collector.audit.report import Report

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: failure("The period is none."),
    401: failure("A key is needed."),
    403: failure("The key does not carry this right."),
    409: failure("Another collector of this server mends the books."),
    503: failure("ClickHouse does not answer; try again."),
}


class Wanted(BaseModel):
    """What to audit; without days, the recent hours that the background audit looks at."""

    model_config = ConfigDict(extra="forbid")

    first_day: date | None = Field(default=None, description="First day of recording.")
    last_day: date | None = Field(default=None, description="Last day; the first one if unset.")
    repair: bool = Field(default=False, description="Whether to mend what can be mended now.")


def audit_router(audits: Audits, gate: Gate) -> APIRouter:
    """Make the route; only keys with the role admin may use it.

    Args:
        audits: Does it.
        gate: Knows who may.
    """
    router = APIRouter(tags=["operations"])

    @router.post(
        "/v1/audit",
        responses=_FAILURES,
        response_model=Report,
        dependencies=[Depends(who_may(gate, "admin"))],
    )
    def audit(wanted: Wanted) -> Report | JSONResponse:
        """Compare ledger, call keys and rollups over days of recording."""
        try:
            return audits.audit(wanted.first_day, wanted.last_day, repair=wanted.repair)
        except AnotherMends as error:
            body = Failure(code="another_mends", message=str(error))
            return JSONResponse(body.model_dump(), status_code=409)

    return router
