"""Owners learned later: what moves is what was there, and what amended what can be read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from amendments.test_reprice import CALL, SEPTEMBER, TENTH_OFF, fill, span, sums
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector import answers
from otel_costattr_collector.amendments.reattribute import Owners, reattribute, rules_of
from otel_costattr_collector.amendments.reprice import Repricing, reprice
from otel_costattr_collector.analytics.asking import CostsAsked
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.commands.explain import _line
from otel_costattr_collector.ledger import as_mapping
from otel_costattr_collector.store import Store

from otel_costattr.errors import BadInput

TO_GLOBEX = "match,set\ntenant=acme,tenant=globex;tags.region=eu\n"


def test_owners_of_a_file_are_booked_once(store: Store) -> None:
    """Two calls of acme are globex's, the tag with them; the total stays; twice is once."""
    fill(store, [span(1), span(2), span(3, tenant="initech")])
    books = Bookings(store)

    dry = reattribute(store, books, Owners(csv=TO_GLOBEX, dry_run=True))
    first = reattribute(store, books, Owners(csv=TO_GLOBEX))
    again = reattribute(store, books, Owners(csv=TO_GLOBEX))

    assert (dry.changed, dry.booked) == (2, 0)
    assert (first.changed, first.booked) == (2, 4)
    assert (again.changed, again.booked) == (0, 0)
    assert first.total.difference_usd == "0"
    assert [(row.tenant, row.before_usd, row.after_usd) for row in first.data] == [
        ("acme", "0.00054", None),
        ("globex", None, "0.00054"),
    ]
    assert sums(store) == {
        "acme": (0, Decimal(0), 0),
        "globex": (2, 2 * CALL, 2),
        "initech": (1, CALL, 1),
    }
    tagged = store.query("SELECT sum(calls) FROM ledger WHERE tags['region'] = 'eu'").rows
    assert tagged == ((2,),)


def test_a_tenant_that_a_key_proved_stays(store: Store) -> None:
    """Keys are proof, files are not."""
    fill(store, [span(1)])
    store.command("ALTER TABLE ledger UPDATE owner_source = map('tenant', 'key') WHERE 1 SETTINGS mutations_sync = 1")  # fmt: skip

    found = reattribute(store, Bookings(store), Owners(csv="match,set\ntenant=acme,tenant=b\n"))

    assert (found.changed, list(found.left.values())) == (0, [1])


def test_the_first_row_that_sets_a_dimension_wins(store: Store) -> None:
    """And a period bounds a row."""
    fill(store, [span(1)])
    text = (
        "match,set,from,to\n"
        "tenant=acme,team=late,2026-10-01,2026-10-31\n"
        "tenant=acme,team=first,2026-09-01,2026-09-30\n"
        "tenant=acme,team=second,,\n"
    )
    reattribute(store, Bookings(store), Owners(csv=text))
    assert sums(store, "team")["first"] == (1, CALL, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "the columns are a, b"),
        ("match,set\n,tenant=x\n", "line 2: match and set"),
        ("match,set\ntenant=x,model=y\n", "line 2: 'model=y': set tenant"),
        ("match,set\nplanet=x,tenant=y\n", "unknown dimension 'planet'"),
        ("match,set\ntenant=x,user=a@b.example\n", "e-mail"),
        ("match,set\ntenant,user=a\n", "'tenant': use dimension=value"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(text: str, says: str) -> None:
    """Nothing is booked of such a file."""
    with pytest.raises(BadInput, match=says):
        list(rules_of(text))


names = st.sampled_from(["acme", "globex", "initech"])
rows = st.lists(
    st.tuples(
        st.sampled_from(["tenant", "feature"]), names, st.sampled_from(["tenant", "team"]), names
    ),
    min_size=1,
    max_size=4,
)


@given(orders=st.lists(rows, min_size=1, max_size=3))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_the_total_over_any_dimension_stays(
    store: Store, orders: list[list[tuple[str, str, str, str]]]
) -> None:
    """Whatever owners are given in whatever order, every sum over all values is the same."""
    store.command("TRUNCATE TABLE ledger")
    fill(store, [span(1), span(2, tenant="globex"), span(3, tenant="initech"), span(4, tenant="")])
    for order in orders:
        text = "".join(f"{a}={b},{c}={d}\n" for a, b, c, d in order)
        reattribute(store, Bookings(store), Owners(csv=f"match,set\n{text}"))
        for dimension in ("tenant", "team", "model", "status", "toDate(event_ns)"):
            found = sums(store, dimension).values()
            assert sum(row[1] or 0 for row in found) == 4 * CALL  # type: ignore[misc]
            assert sum(row[0] for row in found) == 4  # type: ignore[misc]


def test_every_line_explains_its_chain(store: Store) -> None:
    """Call, reversal and rebook name each other, the cause and both amounts."""
    (line,) = fill(store, [span(1)])
    reprice(store, Bookings(store), Repricing(**SEPTEMBER, overlays=[TENTH_OFF]))
    reattribute(store, Bookings(store), Owners(csv=TO_GLOBEX))

    found = answers.explain(store, str(as_mapping(line)["line_id"]))

    assert found is not None
    assert [(one.entry, one.amount_usd) for one in found.chain] == [
        ("call", "0.00027"),
        ("reversal", "-0.00027"),
        ("rebook", "0.000243"),
        ("reversal", "-0.000243"),
        ("rebook", "0.000243"),
    ]
    assert [one.cause.partition(":")[0] for one in found.chain[1:]] == [
        "reprice",
        "reprice",
        "reattribute",
        "reattribute",
    ]
    for link in found.chain:
        other = answers.explain(store, link.line_id)
        assert other is not None
        assert other.chain == found.chain
        words = list(_line(other.model_dump()))
        assert sum("because reprice:" in word for word in words) == 2
        assert sum("<- this line" in word for word in words) == 1


def test_as_of_a_day_is_what_was_known_then(store: Store) -> None:
    """The lines were recorded in 2026-09, the new prices later: both answers, from the rollup."""
    fill(store, [span(1)])
    reprice(store, Bookings(store), Repricing(**SEPTEMBER, overlays=[TENTH_OFF]))

    then = answers.costs(store, CostsAsked(as_of="2026-09-30"))
    now = answers.costs(store, CostsAsked())

    assert (then.total.total_cost, now.total.total_cost) == ("0.00027", "0.000243")
