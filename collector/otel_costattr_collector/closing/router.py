"""`/v1/closings`: close months, open them again, list them.

Without postponed annotations: the types of a route are values here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from otel_costattr_collector.access.dependency import who_may
from otel_costattr_collector.access.errors import Forbidden
from otel_costattr_collector.access.gate import Gate, Principal
from otel_costattr_collector.analytics.router import FAILURES
from otel_costattr_collector.months import month_of
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

from .closer import Closer, sums_of
from .records import Record, in_force

_NS: Final = 10**9
_NEEDS: Final[Mapping[int | str, dict[str, Any]]] = {
    code: FAILURES[code] for code in (400, 401, 403, 422, 503)
}


class Order(BaseModel):
    """A month to close, or to open again."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] = Field(
        description="Such as 2026-10, in the reporting time zone."
    )
    who: Annotated[str, Field(max_length=128)] = Field(
        default="", description="Who does it; the name of the key stands beside it."
    )
    note: Annotated[str, Field(max_length=1024)] = Field(default="", description="Why.")


class Recorded(BaseModel):
    """One closing, or one opening again, with what the month added up to then."""

    month: str
    action: str = Field(description="close or reopen.")
    who: str
    note: str
    recorded: str = Field(description="When, UTC.")
    time_zone: str
    lines: int = Field(description="Lines, reversals taken off.")
    calls: int
    amount_usd: str | None = Field(description="USD; null where nothing had a price.")


class Closed(BaseModel):
    """What an order did."""

    new: bool = Field(description="Whether it was done now.")
    record: Recorded


class ClosedMonth(Recorded):
    """A closed month, then and now."""

    lines_now: int
    calls_now: int
    amount_usd_now: str | None
    unchanged: bool = Field(description="Whether it adds up to what it did when it was closed.")


class Closings(BaseModel):
    """The closed months, and all that was ever closed or opened again."""

    closed: list[ClosedMonth]
    trail: list[Recorded] = Field(description="The oldest first.")


def closings_router(store: Store, closer: Closer, gate: Gate | None) -> APIRouter:
    """Make the routes: to change needs the role admin, to look the role read.

    Args:
        store: Where ledger and closings are.
        closer: Closes and opens.
        gate: Knows who may; None lets everybody, for tests.
    """
    router = APIRouter(tags=["closings"], responses={**_NEEDS})
    admin, reader = Depends(who_may(gate, "admin")), Depends(who_may(gate, "read"))

    @router.post("/v1/closings")
    def close(order: Order, principal: Principal = admin) -> Closed:
        """Close a month: what is booked from now on has a date in an open one."""
        record, new = closer.close(order.month, who=_who(order, principal), note=order.note)
        return Closed(new=new, record=_recorded(record))

    @router.post("/v1/closings/reopen")
    def reopen(order: Order, principal: Principal = admin) -> Closed:
        """Open a closed month again; what got a later date meanwhile keeps it."""
        record = closer.reopen(order.month, who=_who(order, principal), note=order.note)
        return Closed(new=True, record=_recorded(record))

    @router.get("/v1/closings")
    def closings(principal: Principal = reader) -> Closings:
        """List the closed months with their sums then and now, and every closing and opening."""
        if principal.tenant:
            raise Forbidden("a key of one tenant does not ask what all of them cost")
        trail = closer.trail()
        return Closings(
            closed=[_compared(store, one) for _, one in sorted(in_force(trail).items())],
            trail=[_recorded(one) for one in trail],
        )

    return router


def _who(order: Order, principal: Principal) -> str:
    """Name who orders: as given, but never without the key that proved it may."""
    if order.who and principal.key_id:
        return f"{order.who} (key {principal.name})"
    return order.who or principal.name


def _recorded(record: Record) -> Recorded:
    moment = datetime.fromtimestamp(record.recorded_ns // _NS, tz=UTC)
    amount = record.amount_usd
    return Recorded(
        month=record.month,
        action=record.action,
        who=record.who,
        note=record.note,
        recorded=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        time_zone=record.time_zone,
        lines=record.lines,
        calls=record.calls,
        amount_usd=None if amount is None else decimal_text(amount),
    )


def _compared(store: Store, record: Record) -> ClosedMonth:
    now = sums_of(store, month_of(record.month, record.time_zone))
    amount = now.amount_usd
    then = (record.lines, record.calls, record.amount_usd)
    return ClosedMonth(
        **_recorded(record).model_dump(),
        lines_now=now.lines,
        calls_now=now.calls,
        amount_usd_now=None if amount is None else decimal_text(amount),
        unchanged=(now.lines, now.calls, now.amount_usd) == then,
    )
