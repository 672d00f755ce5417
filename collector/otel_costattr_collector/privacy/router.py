"""`POST /v1/privacy/erase`.

Without postponed annotations: the types of a route are values here.
"""

from fastapi import APIRouter, Depends

from ..access.dependency import who_may
from ..access.gate import Gate
from ..analytics.router import FAILURES
from .erasure import Erased, Eraser, Erasure


def privacy_router(eraser: Eraser, gate: Gate | None) -> APIRouter:
    """Make the route; only keys with the role admin may use it.

    Args:
        eraser: Does it.
        gate: Knows who may; None lets everybody, for tests.
    """
    router = APIRouter(tags=["privacy"], responses=FAILURES)

    @router.post("/v1/privacy/erase", dependencies=[Depends(who_may(gate, "admin"))])
    def erase(wanted: Erasure) -> Erased:
        """Take a person's identifier out of the ledger; every total stays as it is."""
        return eraser.erase(wanted)

    return router
