"""Cells and ledger lines for tests of allocation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from otel_costattr_collector.allocation.shifts import KEYS, Cell
from otel_costattr_collector.ledger import Cost, CostLine, Line, encode, line_of_cost
from otel_costattr_collector.store import Store

from otel_costattr.model import Dimension, Owner

DAY_NS = 86_400 * 10**9
OCTOBER = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * 10**9
NOVEMBER = OCTOBER + 31 * DAY_NS


def cell(amount: str | Decimal, *, listed: str | Decimal = "0", **values: str) -> Cell:
    """Build a cell on 1 October; `tags_NAME` is a tag."""
    tags = {name[5:]: value for name, value in values.items() if name.startswith("tags_")}
    keys = {name: value for name, value in values.items() if not name.startswith("tags_")}
    return Cell(
        event_ns=OCTOBER,
        values={**dict.fromkeys(KEYS, ""), **keys},
        tags=tags,
        amount_usd=Decimal(amount),
        list_usd=Decimal(listed),
    )


def shared(amount: str | None, *, pool: str, name: str = "1", day: int = 1, **owner: str) -> Line:
    """Build the line of a shared cost, at noon of a day of October."""
    values: Mapping[Dimension, str] = owner  # type: ignore[assignment]
    return line_of_cost(
        CostLine(
            entry="cost",
            identity=(pool, name),
            event_ns=OCTOBER + (day - 1) * DAY_NS + DAY_NS // 2,
            amount_usd=None if amount is None else Decimal(amount),
            status="unpriced" if amount is None else "priced",
            owner=Owner(values=values),
            cost=Cost(type="compute", source="aws", pool=pool, description="GPU nodes"),
        )
    )


def insert(store: Store, *lines: Line, batch_id: int = 1) -> None:
    """Write lines as recorded on 1 November."""
    store.insert(encode(lines, batch_id=batch_id, recorded_ns=NOVEMBER))


def by(store: Store, dimension: str, where: str = "true") -> dict[str, Decimal]:
    """Sum the ledger by a dimension, in the engine."""
    sql = (
        f"SELECT {dimension} AS value, sum(amount_usd) FROM ledger WHERE {where}"
        " GROUP BY value HAVING sum(amount_usd) IS NOT NULL"
    )
    return dict(store.query(sql).rows)
