"""The gate that holds the books against the last audit."""

from __future__ import annotations

import pytest
from otel_costattr_collector.analytics.quality import figures, gates
from otel_costattr_collector.spend import Question
from otel_costattr_collector.store import Store

EVERYTHING = Question(group_by=("tenant",))
Audit = tuple[str, str, int, int]


def _audited(store: Store, *audits: Audit) -> None:
    """Write checks: time of day, audit, differences, mended."""
    for time, audit, differences, mended in audits:
        store.command(
            "INSERT INTO audits SELECT {time:String}, {audit:String}, 'one', 'call_keys',"
            " '2026-11-20 00:00:00', '2026-11-21 00:00:00', {differences:Int64}, {mended:Int64}, 0, 0",
            {
                "time": f"2026-11-21 {time}",
                "audit": audit,
                "differences": differences,
                "mended": mended,
            },
        )


@pytest.mark.parametrize(
    ("audits", "state", "measured"),
    [
        pytest.param((), "no data", None, id="never audited"),
        pytest.param((("10:00:00", "a", 3, 3),), "pass", "0", id="all mended"),
        pytest.param((("10:00:00", "a", 3, 1),), "fail", "2", id="two left"),
        pytest.param(
            (("10:00:00", "a", 3, 1), ("10:05:00", "b", 0, 0)), "pass", "0", id="gone since"
        ),
        pytest.param(
            (("10:00:00", "a", 0, 0), ("10:05:00", "b", 1, 0), ("10:05:00", "b", 2, 1)),
            "fail",
            "2",
            id="over all checks of the newest",
        ),
    ],
)
def test_the_newest_audit_decides(
    store: Store, audits: tuple[Audit, ...], state: str, measured: str | None
) -> None:
    """What it found and did not mend fails the gate; without an audit nothing is claimed."""
    _audited(store, *audits)

    found = gates(figures(store, EVERYTHING, rollups=True))

    gate = next(one for one in found if one.name == "audit")
    assert (gate.state, gate.measured) == (state, measured)


def test_whoever_sees_one_tenant_sees_no_audit(store: Store) -> None:
    """The books of all tenants are not for one of them to judge."""
    _audited(store, ("10:00:00", "a", 3, 1))

    found = figures(store, EVERYTHING, rollups=False)

    assert (found["audit_left"], found["rollup_difference"]) == (None, None)
