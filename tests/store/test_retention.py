"""Old months leave the ledger whole; what the rollups say of them stays."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.access import Gate
from otel_costattr_collector.access.keys import create_key
from otel_costattr_collector.audit.auditor import Auditor
from otel_costattr_collector.audit.rollups import Days
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.retention import Retention, retention_router
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput

NOW_NS = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 10**9


def at(year: int, month: int) -> int:
    """Return noon of the tenth of a month, nanoseconds UTC."""
    return int(datetime(year, month, 10, 12, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture
def retention(store: Store) -> Retention:
    """A ledger with one call in each of four months, where spans of 56 days are accepted."""
    lines = [
        line
        for number, (year, month) in enumerate([(2025, 12), (2026, 8), (2026, 9), (2026, 11)])
        for line in lines_of(assessed(number + 1, start_ns=at(year, month)))
    ]
    store.insert(encode(lines, batch_id=1, recorded_ns=NOW_NS))
    return Retention(store=store, max_age_days=56, clock=lambda: NOW_NS)


def months(store: Store) -> list[int]:
    """Return the months that the ledger holds."""
    rows = store.query(
        "SELECT DISTINCT toYYYYMM(event_ns) AS month FROM ledger ORDER BY month"
    ).rows
    return [month for (month,) in rows]


def test_whole_months_go_and_rollups_stay(retention: Retention) -> None:
    """Two months before November stay; the sums of the others are still in the rollups."""
    store = retention.store
    before = store.query("SELECT sum(calls), sum(amount_usd) FROM spend_by_tenant_day").rows

    gone = retention.retain(2, dry_run=False)

    assert [(one.month, one.lines) for one in gone.dropped] == [("2025-12", 1), ("2026-08", 1)]
    assert months(store) == [202609, 202611]
    assert store.query("SELECT sum(calls), sum(amount_usd) FROM spend_by_tenant_day").rows == before
    assert before[0] == (4, 4 * Decimal("0.00027"))


def test_the_audit_knows_where_the_ledger_starts(retention: Retention) -> None:
    """What a rollup has of months that left is no difference."""
    retention.retain(2, dry_run=False)
    auditor = Auditor(
        retention.store, holder="test", lease=None, in_flight=frozenset, clock=lambda: NOW_NS
    )
    day = datetime.fromtimestamp(NOW_NS // 10**9, tz=UTC).date()

    assert auditor.audit(Days(first=day, last=day), repair=True).differences == 0


def test_a_dry_run_drops_nothing(retention: Retention) -> None:
    """It names the months, and they are still there."""
    assert [one.month for one in retention.retain(3, dry_run=True).dropped] == ["2025-12"]
    assert months(retention.store) == [202512, 202608, 202609, 202611]


def test_months_that_may_still_receive_spans_stay(retention: Retention) -> None:
    """56 days touch two months: fewer would let a ledger month be only partly there."""
    with pytest.raises(BadInput, match="keep at least 2 months"):
        retention.retain(1, dry_run=False)
    assert len(months(retention.store)) == 4


def test_only_admins_may_drop(retention: Retention, tmp_path: Path) -> None:
    """The role read is refused, admin is not."""
    keys = {
        role: create_key(tmp_path / "keys", name=role, role=role, tenant="", now_ns=1)[1]
        for role in ("read", "admin")
    }
    app = FastAPI()
    app.include_router(
        retention_router(retention, Gate(tmp_path / "keys", open_without_keys=False))
    )
    client = TestClient(app, raise_server_exceptions=False)
    wanted = {"months": 24}

    answers = {
        role: client.post("/v1/retain", json=wanted, headers={"x-api-key": key}).status_code
        for role, key in keys.items()
    }

    assert answers["admin"] == 200
    assert answers["read"] >= 400
