"""The bills of providers and those of customers: each figure is worked out again from the seed."""

from __future__ import annotations

from typing import cast

import pytest
from company import invoiced, plainly, seed
from company.seed import CALLS
from company.story import CUSTOMERS, Company

pytestmark = [
    pytest.mark.timeout(120),  # whoever comes first tells the whole story
    pytest.mark.no_cover,  # the same lines as other tests, many times over
]


LINES = sum(map(len, plainly.gaps().values()))


@pytest.mark.parametrize(
    ("said", "lines"), [("openai", 0), ("trued up", LINES), ("openai again", 0)]
)
def test_each_planted_difference_is_found_by_its_cause(
    company: Company, said: str, lines: int
) -> None:
    """All that is said: each cell with a gap, by cause, the sums, and how many lines were booked."""
    found = dict(company.said[said])

    assert found.pop("bill").startswith("openai-")
    assert found == {**invoiced.openai(), "lines": lines}
    known = {cause for cause, usd in found["causes"].items() if usd != "0"}
    assert known == {"unpriced", "untraced", "discount", "tax", "rounding"}


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
    found = dict(company.said["anthropic"])

    assert found.pop("bill").startswith("anthropic-")
    assert found == {**invoiced.anthropic(), "lines": 0}
    assert found["offset_hours"] == 7


# --- invoices ----------------------------------------------------------------------------------
@pytest.mark.parametrize("customer", CUSTOMERS)
def test_an_invoice_is_what_the_seed_comes_to(company: Company, customer: str) -> None:
    """Every field of it: lines by plan, usage by feature and model, totals, state and reasons."""
    assert company.said[f"invoice {customer}"]["content"] == invoiced.content(customer)


def test_invoices_are_final_or_say_why_not() -> None:
    """Everybody's calls fail a gate; some customers have calls without a price of their own."""
    reasons = [invoiced.content(customer)["reasons"] for customer in CUSTOMERS]
    assert {len(cast("list[str]", one)) for one in reasons} == {1, 2}


def test_statements_follow_each_other(company: Company) -> None:
    """Every field of every statement; digests are worked out again from what they are of."""
    previous, first = "", company.said["early"]
    for sequence, name in enumerate(["early", *(f"invoice {one}" for one in CUSTOMERS)], 1):
        found = dict(company.said[name])
        content = found["content"]
        again = name == f"invoice {seed.LATE}"
        assert found == {
            "sequence": sequence,
            "sha256": invoiced.digest(found),
            "previous": previous,
            "customer": seed.LATE if name == "early" else name.removeprefix("invoice "),
            "period": "2026-06",
            "revision": 2 if again else 1,
            "supersedes": first["sha256"] if again else "",
            "state": content["state"],
            "new": True,
            "closed": False,
            "content": content,
        }
        previous = found["sha256"]


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
