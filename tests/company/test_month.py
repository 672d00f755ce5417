"""The month in the ledger and in its reports: each figure is worked out again from the seed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from company import plainly, seed
from company.plainly import NOBODY, ZERO
from company.seed import CALLS, MINI, Call
from company.story import STEPS, Company

pytestmark = [
    pytest.mark.timeout(120),  # whoever comes first tells the whole story
    pytest.mark.no_cover,  # the same lines as other tests, many times over
]
DIMENSIONS: dict[str, Callable[[Call], str]] = {
    "tenant": lambda call: call.tenant,
    "plan": lambda call: call.plan,
    "feature": lambda call: call.feature,
    "prompt_version": lambda call: call.version,
    "model": lambda call: call.model,
}
OF_CALLS = "entry IN ('call', 'reversal', 'rebook')"


def _usd(words: object) -> Decimal | None:
    return None if words is None else Decimal(str(words))


def _true_ups() -> Decimal:
    return sum(plainly.by_cause(plainly.gaps()).values(), ZERO)


def _report(company: Company, by: str, *more: str) -> dict[str, dict[str, Any]]:
    found = company.json("report", "--by", by, "--from", "2026-06-01", "--to", "2026-06-30", *more)
    assert sum(_usd(row["total_cost"]) or 0 for row in found["data"]) == _usd(
        found["total"]["total_cost"]
    )
    return {row["entity_id"]: row for row in found["data"]}


def _nothing_left_out(sums: dict[str, Decimal]) -> dict[str, Decimal]:
    return {name: usd for name, usd in sums.items() if usd}


def test_each_call_counts_once(company: Company) -> None:
    """Whether told of once, twice at once, twice at different times, or sent again."""
    copies = sum(bool(call.twice) for call in CALLS)
    rows = dict(company.query("SELECT status, sum(lines) FROM ledger GROUP BY status"))

    assert company.query("SELECT sum(calls) FROM ledger") == ((len(CALLS),),)
    assert rows["duplicate_of"] == copies
    assert rows["unpriced"] == sum(not call.priced for call in CALLS)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_calls_cost_what_the_contract_says(company: Company, name: str) -> None:
    """Tokens times rates, at the old price before the cut and at the new one from then on."""
    assert _nothing_left_out(company.by(name, OF_CALLS)) == _nothing_left_out(
        dict(plainly.total(DIMENSIONS[name]))
    )


def test_days_cost_what_the_contract_says(company: Company) -> None:
    """Every day of the month."""
    by_day = plainly.total(lambda call: str(call.day))
    assert company.by("toString(toDate(event_ns))", OF_CALLS) == dict(by_day)


def test_what_was_known_after_each_step(company: Company) -> None:
    """Booked at the old price; then the cut; owners and allocations move nothing; then the bill."""
    first = sum(plainly.total(lambda _: "", plainly.first_cost).values())
    known = sum(plainly.total(lambda _: "").values())
    billed = known + sum(plainly.by_cause(plainly.gaps()).values())

    assert [company.sums[step] - plainly.POOLS for step in STEPS] == [
        first,
        known,
        known,
        known,
        billed,
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_report_as_of_a_day_is_what_was_known_then(company: Company, step: str) -> None:
    """`--as-of` gives each former total again."""
    found = company.json("report", "--as-of", str(company.day_after(step)))
    assert found["total"]["total_cost"] == str(company.sums[step].normalize())


@pytest.mark.parametrize("said", ["reprice --dry-run", "repriced"])
def test_the_reprice_says_what_the_cut_changes(company: Company, said: str) -> None:
    """By tenant: what calls of gpt-4o-mini since the cut were booked at, and what they cost."""
    since = [call for call in CALLS if call.model == MINI and call.day >= seed.CUT and call.counted]
    expected: dict[str, tuple[int, Decimal, Decimal]] = {}
    for call in since:
        owner = call.tenant if call.told else NOBODY
        calls, before, after = expected.get(owner, (0, ZERO, ZERO))
        first, now = plainly.first_cost(call), plainly.cost(call)
        assert first is not None
        assert now is not None
        expected[owner] = (calls + 1, before + first, after + now)
    found = company.said[said]

    assert found["changed"] == len(since)
    pairs = 2 * len(since) + 4 * sum(call.shared for call in since)
    assert found["booked"] == (pairs if said == "repriced" else 0)
    assert {row["month"] for row in found["data"]} == {"2026-06"}
    assert {row["model"] for row in found["data"]} == {MINI}
    assert {
        row["tenant"]: (row["calls_after"], Decimal(row["before_usd"]), Decimal(row["after_usd"]))
        for row in found["data"]
    } == expected


def test_late_owners_are_given_what_they_caused(company: Company) -> None:
    """Every mail that named a session is the late tenant's, also the duplicates' winners."""
    mails = [call for call in CALLS if call.session]
    found = company.said["reattributed"]

    assert (found["changed"], found["booked"]) == (len(mails), 2 * len(mails))
    assert found["total"]["difference_usd"] == "0"
    rows = {row["tenant"] for row in found["data"]}
    assert rows == {NOBODY, seed.LATE}


@pytest.mark.parametrize("said", ["reprice again", "reattribute again", "openai again"])
def test_the_same_order_again_books_nothing(company: Company, said: str) -> None:
    """Neither prices nor owners nor true-ups are booked twice."""
    found = company.said[said]
    assert found.get("booked", found.get("lines")) == 0


def test_the_same_allocation_again_changes_nothing(company: Company) -> None:
    """The run is found to be in force."""
    assert company.said["allocate again"]["state"] == "unchanged"


@pytest.mark.parametrize("pool", ["gpu", "vectors", "support"])
def test_a_shared_cost_goes_to_who_uses_it(company: Company, pool: str) -> None:
    """By tokens through plans, by revenue, evenly: to the last 1e-12 USD, nothing is left."""
    found = company.by("tenant", f"cost_pool = '{pool}'")
    assert _nothing_left_out(found) == _nothing_left_out(dict(plainly.allocated()[pool]))


def test_direct_and_fully_loaded_are_told_apart(company: Company) -> None:
    """Both reports by tenant, the cost centre of the free plans among them; one total."""
    more = {NOBODY: _true_ups()}
    measures = {
        "direct": plainly.added(plainly.direct(), more),
        "fully_loaded": plainly.added(plainly.loaded(), more),
    }
    for measure, expected in measures.items():
        rows = _report(company, "tenant", "--measure", measure)
        shown = {name: _usd(row["total_cost"]) or ZERO for name, row in rows.items()}
        assert _nothing_left_out(shown) == _nothing_left_out(expected), measure
    assert sum(measures["direct"].values()) == sum(measures["fully_loaded"].values())


def test_a_call_that_serves_two_features_is_split(company: Company) -> None:
    """Two thirds chat, one third search, cut at 1e-12: in the loaded measure, by feature."""
    shares = plainly.added(*(plainly.feature_shares(call) for call in CALLS))
    rows = _report(company, "feature", "--measure", "fully_loaded")

    for name in ("chat", "search", "mail"):
        assert _usd(rows[name]["total_cost"]) == shares[name]


def test_rollups_say_what_the_ledger_says(company: Company) -> None:
    """After everything that was booked, for every entry."""
    tables = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
    sums = [
        company.query(
            "SELECT t.entry AS entry, sum(t.amount_usd), sum(t.calls), sum(t.lines)"
            f" FROM {table} AS t GROUP BY entry ORDER BY entry"
        )
        for table in tables
    ]
    assert sums == sums[:1] * len(tables)


# --- every line explains itself ----------------------------------------------------------------
def test_every_kind_of_line_explains_itself(company: Company) -> None:
    """One of each entry and cause: its amount, its words and its chain."""
    lines = company.query(
        "SELECT any(line_id), entry, splitByChar(':', cause)[1] AS why, cost_type FROM ledger"
        " WHERE status != 'duplicate_of' GROUP BY entry, why, cost_type ORDER BY entry, why"
    )
    kinds = {(entry, why) for _, entry, why, _ in lines}

    assert kinds == {
        ("call", ""),
        ("cost", ""),
        *((entry, why) for entry in ("reversal", "rebook") for why in ("reprice", "reattribute")),
        *(("allocation", why) for why in ("allocate", "split")),
        ("true_up", "reconcile"),
    }
    for line_id, entry, _, _ in lines:
        found = company.get(f"/v1/explain/{line_id}")
        assert found["line"]["entry"] == entry
        if found["amount_usd"] is not None:
            assert found["formula"].startswith(found["amount_usd"]) or found["formula"].endswith(
                f" = {found['amount_usd']} USD"
            )
        assert entry not in {"reversal", "rebook"} or len(found["chain"]) > 2
