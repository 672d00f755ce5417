"""Whatever is written, in whatever order: the rollups equal the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from assessed import assessed, duplicate, unpriced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.ledger import encode, lines_of, split
from otel_costattr_collector.store import Store

from otel_costattr.model import Assessment, Dimension, Unit

ROLLUPS = {
    "spend_by_tenant_day": "tenant, plan, provider, environment, data_mode, entry, status",
    "spend_by_feature_15m": "feature, prompt_version, agent, provider, model, entry, status, reason",
    "spend_by_session": "tenant, session, environment, data_mode, entry, status",
}
MEASURES = [
    "lines",
    "calls",
    "usage_calls",
    "failed_calls",
    "input_total_tokens",
    "cache_read_total_tokens",
    "cache_write_total_tokens",
    "output_total_tokens",
    "reasoning_tokens",
    "amount_usd",
    "list_usd",
    "reported_cost_usd",
    "least_usd",
    "most_usd",
]
START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 10**9
DAY_NS = 86_400 * 10**9

OWNERS: st.SearchStrategy[dict[Dimension, str]] = st.dictionaries(
    st.sampled_from(("tenant", "feature", "session", "plan", "agent", "prompt_version")),
    st.sampled_from(("", "a", "b", "ü")),
)
UNITS_DRAWN: tuple[Unit, ...] = ("input", "output")
COUNTS = st.dictionaries(st.sampled_from(UNITS_DRAWN), st.integers(0, 10**7), min_size=1)


@st.composite
def _assessments(draw: st.DrawFn) -> list[Assessment]:
    made: list[Assessment] = []
    for number in range(1, draw(st.integers(1, 40)) + 1):
        start = START + draw(st.integers(0, 700)) * DAY_NS + draw(st.integers(0, DAY_NS - 1))
        owner = draw(OWNERS)
        kind = draw(st.sampled_from(("priced", "priced", "unpriced", "duplicate", "failed")))
        counts = draw(COUNTS)
        if kind == "unpriced":
            made.append(unpriced(number, owner=owner, start_ns=start))
        elif kind == "duplicate" and made:
            made.append(duplicate(number, of=made[0]))
        else:
            reported = draw(st.none() | st.decimals(0, 10, places=9))
            made.append(
                assessed(
                    number,
                    owner=owner,
                    start_ns=start,
                    counts=counts,
                    error_type="timeout" if kind == "failed" else "",
                    reported_cost_usd=reported,
                )
            )
    return made


def _sums(store: Store, table: str, keys: str) -> tuple[tuple[object, ...], ...]:
    measures = ", ".join(f"sum(t.{name})" for name in MEASURES)
    sql = f"SELECT {keys}, {measures} FROM {table} AS t GROUP BY {keys} ORDER BY {keys}"
    return store.query(sql).rows


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_every_rollup_equals_the_ledger_for_random_lines(store: Store) -> None:
    """By each of its dimensions a rollup holds the ledger's sums, after resends and merges too."""
    batch = 0

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_assessments(), st.booleans())
    def check(assessments: Sequence[Assessment], merge: bool) -> None:  # noqa: FBT001 - drawn
        nonlocal batch
        lines = [line for one in assessments for line in lines_of(one)]
        for group in split(lines):
            batch += 1
            block = encode(group, batch_id=batch, recorded_ns=START + batch * DAY_NS)
            store.insert(block)
            store.insert(block)
        for table, keys in ROLLUPS.items():
            if merge:
                store.command(f"OPTIMIZE TABLE {table} FINAL")
            assert _sums(store, table, keys) == _sums(store, "ledger", keys), table

    check()


def test_amounts_at_the_bound_add_up_exactly(store: Store) -> None:
    """Sums of the largest amounts keep every digit."""
    nearly = Decimal("999999999999.999999999999")
    numbers = range(1, 51)
    lines = [
        line for number in numbers for line in lines_of(assessed(number, reported_cost_usd=nearly))
    ]
    store.insert(encode(lines, batch_id=1, recorded_ns=START))

    for table in ("ledger", *ROLLUPS):
        found = store.query(f"SELECT sum(reported_cost_usd) FROM {table}").rows
        assert found == ((50 * nearly,),), table
