"""What telemetry says of a cost, and the rules that find more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_costattr.costs import CostClaim, CostRules, is_cost, names, read_cost, read_cost_rules
from otel_costattr.errors import BadSettings
from otel_costattr.model import REASONS, Attributes, Span
from otel_costattr.testing import START_NS

RULES = """
[[cost]]
name = "pinecone"
when = { "db.system.name" = "pinecone", "span.name" = "query*" }
usd = "0.000016"
source = "Pinecone"
metric = "queries"
type = "vector_db"

[[cost]]
name = "rows"
when = { "db.system.name" = "pinecone" }
quantity = "db.response.returned_rows"
usd = "0.02"
per = 1000
failed = false
"""


def cost_span(attributes: Attributes, **fields: object) -> Span:
    """Build a span named `costattr.cost`."""
    base: dict[str, object] = {
        "trace_id": "1" * 32,
        "span_id": "2" * 16,
        "name": "costattr.cost",
        "start_ns": START_NS,
        "end_ns": START_NS,
        "attributes": attributes,
    }
    return Span(**(base | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("0.0125", Decimal("0.0125")),
        (" -3 ", Decimal(-3)),
        (2, Decimal(2)),
        (0.1, Decimal("0.1")),
        ("999999999999.999999999999", Decimal("999999999999.999999999999")),
    ],
)
def test_an_amount_is_read_exactly(amount: str | float, read: Decimal) -> None:
    """Text is exact, and a double is what it prints as."""
    claim = read_cost(cost_span({names.AMOUNT: amount}))
    assert (claim.amount_usd, claim.reasons) == (read, ())


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, "no_amount"),
        ({names.SOURCE: "elevenlabs", names.QUANTITY: 5}, "no_amount"),
        ({names.SOURCE: "elevenlabs", names.METRIC: "characters"}, "no_quantity"),
        ({names.SOURCE: "a", names.METRIC: "b", names.QUANTITY: "-1"}, "no_quantity"),
        *(
            ({names.AMOUNT: bad}, "bad_amount")
            for bad in ("much", "", "NaN", "1e12", 10**12, float("inf"), True, "1" * 99, (1,))
        ),
    ],
)
def test_what_cannot_be_understood_has_a_named_reason(attributes: Attributes, reason: str) -> None:
    """A mistake is neither lost nor 0."""
    claim = read_cost(cost_span(attributes))
    assert (claim.amount_usd, claim.reasons) == (None, (reason,))
    assert reason in REASONS


def test_the_content_of_a_claim_changes_with_each_part_of_it() -> None:
    """Equal claims of equal owners have one content, all others another."""
    claim = CostClaim(at_ns=1, amount_usd=Decimal("1.50"))
    same = CostClaim(at_ns=1, amount_usd=Decimal("1.5"))
    others = [
        CostClaim(at_ns=2, amount_usd=Decimal("1.5")),
        CostClaim(at_ns=1, amount_usd=Decimal("1.51")),
        CostClaim(at_ns=1, quantity=Decimal("1.5")),
        CostClaim(at_ns=1, amount_usd=Decimal("1.5"), description="x"),
    ]

    assert claim.content({"a": "b"}) == same.content({"a": "b"})
    assert len({one.content({"a": "b"}) for one in (claim, *others)} | {claim.content({})}) == 6


def test_each_rule_that_matches_finds_a_cost() -> None:
    """A query that returned 250 rows costs one query and 250 rows."""
    rules = read_cost_rules(RULES, source="costs.toml")
    span = cost_span(
        {"db.system.name": "pinecone", "db.response.returned_rows": 250}, name="query index"
    )

    query, rows = rules.claims(span)

    assert not is_cost(span)
    assert rules.wants(span)
    assert (query.rule, query.source, query.metric) == ("pinecone", "pinecone", "queries")
    assert (rows.rule, rows.rate_usd, rows.per) == ("rows", Decimal("0.02"), 1000)
    assert (query.quantity, rows.quantity) == (Decimal(1), Decimal(250))
    assert rules.attributes == {"db.system.name", "db.response.returned_rows"}


def test_a_rule_leaves_other_spans_alone_and_asks_for_a_quantity() -> None:
    """Other systems cost nothing, a failed span only if the rule says so, no count has a reason."""
    rules = read_cost_rules(RULES, source="costs.toml")
    other = cost_span({"db.system.name": "redis"}, name="query")
    failed = cost_span({"db.system.name": "pinecone"}, name="query", failed=True)
    uncounted = cost_span(
        {}, name="upsert", resource={"db.system.name": "pinecone"}, scope_name="pinecone"
    )
    scoped = read_cost_rules(
        '[[cost]]\nname="s"\nwhen={"scope.name"="pine*"}\nusd="1"\n', source="s"
    )

    assert not rules.wants(other)
    assert list(rules.claims(other)) == []
    assert [claim.rule for claim in rules.claims(failed)] == ["pinecone"]
    assert [claim.reasons for claim in rules.claims(uncounted)] == [("no_quantity",)]
    assert scoped.wants(uncounted)
    assert CostRules().attributes == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cost", "costs.toml"),
        ("[[costs]]\nname='a'", "write rules as"),
        ("cost = 1", "write rules as"),
        ("[[cost]]\nname='a'\nusd='1'", "say when"),
        ("[[cost]]\nname='a'\nwhen={a='b'}\ncolour='red'", "colour"),
        ("[[cost]]\nwhen={a='b'}\nusd='1'", "give it a name"),
        ("[[cost]]\nname='a'\nwhen={a='b'}\nsource='s'", "say usd"),
        ("[[cost]]\nname='a'\nwhen={a='b'}\nusd='-1'", "write an amount"),
        ("[[cost]]\nname='a'\nwhen={a='b'}\nusd='1'\nper=0", "whole number"),
        ("[[cost]]\nname=7\nwhen={a='b'}\nusd='1'", "write a text"),
        ("[[cost]]\nname='a'\nwhen={a='b'}\nusd='1'\n" * 2, "two rules"),
    ],
)
def test_a_rule_that_nobody_can_mean_is_refused(text: str, message: str) -> None:
    """The refusal names file and rule."""
    with pytest.raises(BadSettings, match=message):
        read_cost_rules(text, source="costs.toml")
