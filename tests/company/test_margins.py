"""The margin table of the month: every column of every row is worked out again from the seed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from company import margined, seed
from company.story import Company

pytestmark = [
    pytest.mark.timeout(120),  # whoever comes first tells the whole story
    pytest.mark.no_cover,  # the same lines as other tests, many times over
]


@pytest.mark.parametrize("by", ["tenant", "plan", "feature", "tenant,plan,feature"])
def test_the_margin_table(company: Company, by: str) -> None:
    """All it says, in its order: a column or a row that is not worked out here fails."""
    found = company.json("margins", "--by", by, "--month", "2026-06", "--propose", "60%")
    customers = found.pop("customers")
    rows, total = margined.table(by.split(","))

    assert found.pop("data") == rows
    assert found == {
        "start_date": "2026-06-01",
        "end_date": "2026-06-30",
        "time_zone": "UTC",
        "currency": "USD",
        "group_by": by.split(","),
        "total": total,
        "truncated": False,
        "next_cursor": None,
    }
    words = margined.customers()
    assert {(one["tenant"], one["plan"]): tuple(one["words"]) for one in customers} == words
    assert len(customers) == len(words)
    assert {name for one in customers for name in one} == {
        *("tenant", "plan", "plan_known", "words", "allowance_used_percent")
    }
    assert {(one["plan_known"], one["allowance_used_percent"]) for one in customers} == {
        (False, None)
    }


def test_what_the_table_is_about_is_in_it() -> None:
    """A loss, a customer who pays nothing, a cost centre, calls with and without bounds."""
    rows = {str(row["dimensions"]): row for row in margined.table(["tenant"])[0]}
    words = margined.customers()

    assert "negative margin when fully loaded" in words[seed.SCALE[0], "scale"]
    assert "no revenue posted" in words[seed.UNPAID, "scale"]
    assert Decimal(str(rows["{'tenant': 'free_users'}"]["loaded_cost"])) > 0
    bounded = [row for row in rows.values() if row["least_cost"] is not None]
    unpriced = [row for row in rows.values() if row["unpriced_calls"]]
    assert 0 < len(bounded) < len(unpriced)
    assert all(Decimal(str(row["least_cost"])) < Decimal(str(row["most_cost"])) for row in bounded)
