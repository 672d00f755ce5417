"""What identifiers roll up to, in every report."""

from __future__ import annotations

from decimal import Decimal

import pytest
from assessed import assessed
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector import queries
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.store import Store

from otel_costattr.attribution import root
from otel_costattr.model import Owner

CALL = Decimal("0.00027")
HASHED = f"h:k1:{'a' * 32}"
TENANTS = ("org_1:user_1", "org_1:user_2", "org_1", "org_2:a:b", ":odd", "::", HASHED, "", "h:x:y")


@pytest.mark.parametrize("dimension", ["tenant_root", "tenant_root,user"])
def test_rows_by_root_add_up_to_the_same_total(
    store: Store, store_api: FastAPI, dimension: str
) -> None:
    """SQL rolls up as the library does; from the rollup and from the ledger."""
    made = [assessed(n, owner={"tenant": one}) for n, one in enumerate(TENANTS, start=1)]
    assert all(isinstance(one.owner, Owner) for one in made)
    store.insert(encode([x for one in made for x in lines_of(one)], batch_id=1, recorded_ns=1))

    with TestClient(store_api) as client:
        answer = client.get("/v1/analytics/costs", params={"group_by": dimension}).json()
        one = client.get(
            "/v1/analytics/costs", params={"group_by": "tenant_root", "entity_id": "org_1"}
        ).json()

    assert "data" in answer, answer
    expected: dict[str, int] = {}
    for tenant in TENANTS:
        name = root(tenant) if tenant else ""
        expected[name] = expected.get(name, 0) + 1
    assert {row["dimensions"]["tenant_root"]: row["calls"] for row in answer["data"]} == expected
    assert Decimal(answer["total"]["total_cost"]) == len(TENANTS) * CALL
    assert one["total"]["calls"] == 3
    assert queries.source_of(frozenset({"tenant_root"}), frozenset({"day", "exact"})).grain == "day"
