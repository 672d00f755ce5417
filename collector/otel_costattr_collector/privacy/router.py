"""`POST /v1/privacy/erase`.

Without postponed annotations: the types of a route are values here.
"""

from fastapi import APIRouter, Depends, Request

from ..access.gate import ANONYMOUS, Gate, Principal
from ..analytics.router import FAILURES
from .erasure import Erased, Eraser, Erasure


def privacy_router(eraser: Eraser, gate: Gate | None) -> APIRouter:
    """Make the route; only keys with the role admin may use it.

    Args:
        eraser: Does it.
        gate: Knows who may; None lets everybody, for tests.
    """
    router = APIRouter(tags=["privacy"], responses=FAILURES)

    def admin(request: Request) -> Principal:
        if gate is None:
            return ANONYMOUS
        principal = gate.authenticate(request.headers.items())
        principal.require("admin")
        return principal

    @router.post("/v1/privacy/erase", dependencies=[Depends(admin)])
    def erase(wanted: Erasure) -> Erased:
        """Take a person's identifier out of the ledger; every total stays as it is."""
        return eraser.erase(wanted)

    return router
