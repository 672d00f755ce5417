"""The bills of providers and those of customers: each figure is worked out again from the seed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from company import plainly, seed
from company.plainly import ZERO
from company.seed import CALLS, CLAUDE, PROVIDER
from company.story import CUSTOMERS, Company

pytestmark = pytest.mark.timeout(120)  # whoever comes first tells the whole story


def _cells(found: Any) -> dict[plainly.Cell, dict[str, Decimal]]:
    return {
        (date.fromisoformat(cell["day"]), cell["model"]): {
            cause: Decimal(usd) for cause, usd in cell["causes"].items()
        }
        for cell in found["cells"]
    }


def _causes(found: Any) -> dict[str, Decimal]:
    causes = {cause: Decimal(usd) for cause, usd in found["causes"].items()}
    return {cause: usd for cause, usd in causes.items() if usd}


@pytest.mark.parametrize("said", ["openai", "trued up"])
def test_each_planted_difference_is_found_by_its_cause(company: Company, said: str) -> None:
    """Streams without counts, calls without telemetry, a forgotten contract, tax, and rounding."""
    expected = plainly.gaps()
    found = company.said[said]

    assert _cells(found) == expected
    assert set(_causes(found)) == {"unpriced", "untraced", "discount", "tax", "rounding"}
    assert _causes(found) == plainly.by_cause(expected)


def test_bill_and_ledger_and_gap_add_up(company: Company) -> None:
    """What is billed, what is booked for that provider, and the difference."""
    found = company.said["openai"]
    billed = sum((usd for usd, _ in plainly.billed().values()), ZERO)
    billed += seed.UNSEEN[2] + seed.TAX + seed.CREDIT
    booked = plainly.total(lambda call: PROVIDER[call.model])["openai"]

    assert Decimal(found["bill_usd"]) == billed
    assert Decimal(found["ledger_usd"]) == booked
    assert Decimal(found["gap_usd"]) == billed - booked
    assert found["offset_hours"] == 0


def test_after_the_true_ups_the_ledger_says_what_was_billed(company: Company) -> None:
    """By day and model; each cause of each cell is one line."""
    gaps = plainly.gaps()
    lines = company.query("SELECT count() FROM ledger WHERE entry = 'true_up'")
    rows = company.query(
        "SELECT toDate(event_ns, 'UTC') AS day, model, sum(amount_usd) FROM ledger"
        " WHERE provider = 'openai' GROUP BY day, model"
    )

    assert lines == ((sum(map(len, gaps.values())),),)
    assert company.said["trued up"]["lines"] == lines[0][0]
    expected = {cell: usd for cell, (usd, _) in plainly.billed().items()}
    expected[seed.UNSEEN[:2]] = seed.UNSEEN[2]
    expected[seed.LAST, ""] = seed.TAX + seed.CREDIT
    assert {(day, model): usd for day, model, usd in rows if usd} == expected


def test_days_that_begin_later_are_the_time_zone(company: Company) -> None:
    """Seven hours: what crosses midnight explains every cell of the report, to the last digit."""
    theirs, ours = plainly.claude_by_day(seed.BEHIND), plainly.booked(CLAUDE)
    expected = {
        (day, CLAUDE): {"time_zone": gap}
        for day in sorted({*theirs, *ours})
        if (gap := theirs.get(day, ZERO) - ours.get(day, ZERO))
    }
    found = company.said["anthropic"]

    assert found["offset_hours"] == 7
    assert _cells(found) == expected
    assert Decimal(found["bill_usd"]) == sum(theirs.values())


# --- invoices ----------------------------------------------------------------------------------
@pytest.mark.parametrize("customer", CUSTOMERS)
def test_an_invoice_has_the_lines_of_its_plan(company: Company, customer: str) -> None:
    """Fee, loaded cost plus 30 % by feature, calls beyond the allowance; or tiers of tokens."""
    content = company.said[f"invoice {customer}"]["content"]
    expected = plainly.invoice(customer)

    assert [
        (line["name"], line["detail"], Decimal(line["amount_usd"])) for line in content["lines"]
    ] == expected
    assert Decimal(content["total_usd"]) == sum(amount for _, _, amount in expected)
    assert Decimal(content["cost_usd"]) == plainly.loaded()[customer]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_an_invoice_over_calls_without_a_price_is_provisional(
    company: Company, customer: str
) -> None:
    """The others are final; the gates over everybody's calls decide as well."""
    content = company.said[f"invoice {customer}"]["content"]
    calls = [call for call in CALLS if call.tenant == customer]
    unpriced = sum(not call.priced for call in calls)
    everybody = Decimal(sum(not call.priced for call in CALLS)) / len(CALLS)
    reasons = [f"{unpriced} lines of the customer have no price"] if unpriced else []

    assert [one for one in content["reasons"] if not one.startswith("gate ")] == reasons
    assert any("gate unpriced" in one for one in content["reasons"]) is (
        everybody > Decimal("0.02")
    )
    assert content["state"] == ("provisional" if content["reasons"] else "final")


def test_usage_behind_an_invoice_adds_up(company: Company) -> None:
    """Calls and tokens by feature and model, as counted in the seed."""
    for customer in CUSTOMERS:
        usage = company.said[f"invoice {customer}"]["content"]["usage"]
        calls = [call for call in CALLS if call.tenant == customer]
        sent = sum(call.sent for call in calls if call.counted)
        produced = sum(call.produced for call in calls if call.counted)

        assert sum(row["calls"] for row in usage) == len(calls)
        assert sum(row["input_tokens"] for row in usage) == sent
        assert sum(row["output_tokens"] for row in usage) == produced


def test_what_was_learned_later_revises_the_invoice(company: Company) -> None:
    """The late tenant's first invoice, from before the file of owners, is superseded."""
    early, late = company.said["early"], company.said[f"invoice {seed.LATE}"]

    assert (early["revision"], late["revision"]) == (1, 2)
    assert late["supersedes"] == early["sha256"]
    calls = [call for call in CALLS if call.tenant == seed.LATE]
    counts = [sum(row["calls"] for row in one["content"]["usage"]) for one in (early, late)]
    assert counts == [sum(call.told for call in calls), len(calls)]


def test_the_chain_of_statements_is_whole(company: Company) -> None:
    """Every invoice of the month stands in it, the superseded one as well."""
    found = company.get("/v1/statements/verify")
    assert (found["statements"], found["problems"]) == (len(CUSTOMERS) + 1, [])
    assert "25 statements" in company.run("verify")
