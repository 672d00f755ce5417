"""The audit of running collectors: asked by command, on its own, and among several."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_double import serving as double_serving
from collector.served import Served, repeatedly, run, serving
from otel_costattr_collector.access import KEYS_FILE, create_key
from otel_costattr_collector.store import Store, server
from plain_http import HTTP
from wire import calls, traces

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
PRICE = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")


def _audit(served: Served, *options: str) -> tuple[int, dict[str, Any]]:
    """Run `costattr audit --json` against a collector."""
    done = run("audit", "--json", "--url", served.urls["api"], *options)
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


def _metric(served: Served, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", served.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _wait_for(served: Served, name: str, value: float) -> None:
    for found in repeatedly(lambda: _metric(served, name)):
        if found >= value:
            return


def _totals(store: Store) -> set[tuple[object, ...]]:
    return {
        store.query(
            "SELECT sum(s.lines), sum(s.calls), sum(s.input_total_tokens), sum(s.amount_usd)"
            f" FROM {table} AS s"
        ).rows[0]
        for table in TABLES
    }


def test_a_call_that_two_collectors_wrote_is_counted_once_after_the_audit(
    chdb_folder: Path, tmp_path: Path
) -> None:
    """One span set to both, one server: twice before, once after, and a second audit is idle."""
    with double_serving(chdb_folder) as double, server(f"{double.url}/two_writers") as store:
        where = ("--clickhouse", f"{double.url}/two_writers", "--audit-minutes", "0", *QUICK)
        with serving(tmp_path / "a", *where) as one, serving(tmp_path / "b", *where) as two:
            body = traces(*calls(20)).SerializeToString()
            for served in (one, two):
                assert served.post(body).status_code == 200
                _wait_for(served, "costattr_ledger_lines_total", 20)
            before = _totals(store)
            code, found = _audit(one)
            mended_code, mended = _audit(one, "--repair")
            after = _totals(store)
            again_code, again = _audit(one, "--repair")
            refused = run("audit", "--repair", "--url", two.urls["api"])
            left = _metric(one, 'costattr_audit_differences{check="call_keys"}')

    assert before == {(40, 40, 40_000, 40 * PRICE)}
    assert (code, found["differences"], found["mended"]) == (1, 20, 0)
    assert (mended_code, mended["differences"], mended["mended"]) == (0, 20, 20)
    assert after == {(20, 20, 20_000, 20 * PRICE)}
    assert (again_code, again["differences"], left) == (0, 0, 0)
    assert refused.returncode != 0
    assert "mends the books of this server until" in refused.stderr


def test_the_audit_runs_by_itself_and_shows_its_result(tmp_path: Path) -> None:
    """Every few minutes, here every fraction of a second: the metric says that the books agree."""
    with serving(tmp_path / "data", *QUICK, "--audit-minutes", "0.002") as served:
        assert served.post(traces(*calls(3)).SerializeToString()).status_code == 200
        _wait_for(served, "costattr_ledger_lines_total", 3)
        _wait_for(served, 'costattr_audits_total{outcome="clean"}', 1)

        assert _metric(served, "costattr_audit_timestamp_seconds") > 0
        assert _metric(served, 'costattr_audit_differences{check="spend_by_session"}') == 0
        assert _metric(served, 'costattr_audits_total{outcome="failed"}') == 0


def test_only_admins_may_audit(tmp_path: Path) -> None:
    """A key that may send or read may not have the books mended; strangers may nothing."""
    data = tmp_path / "data"
    data.mkdir()
    keys = {
        role: create_key(data / KEYS_FILE, name=role, role=role, tenant="", now_ns=1)[1]
        for role in ("ingest", "read", "admin")
    }
    with serving(data, *QUICK) as served:
        url = f"{served.urls['api']}/v1/audit"
        answers = {
            role: HTTP.post(url, json={}, headers={"x-api-key": key}, timeout=60).status_code
            for role, key in keys.items()
        }
        stranger = HTTP.post(url, json={}, timeout=60).status_code
        odd = HTTP.post(
            url, json={"days": 3}, headers={"x-api-key": keys["admin"]}, timeout=60
        ).status_code

    assert answers == {"ingest": 403, "read": 403, "admin": 200}
    assert (stranger, odd) == (401, 422)
