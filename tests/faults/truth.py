"""Senders that resend until they are acknowledged, and the truth about what they sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import httpx
from otel_costattr_collector.store import Store, embedded
from plain_http import NO_TLS
from typing_extensions import override
from wire import calls, traces

# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
PRICE: Final = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
ROLLUPS: Final = ("spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
SPANS_PER_REQUEST: Final = 7
HEADERS: Final = {"content-type": "application/x-protobuf"}


@dataclass(slots=True)
class Target:
    """Where the collector is, which changes when it is started again.

    Attributes:
        url: Its OTLP/HTTP address.
        changed: Wakes senders that wait for a new one.
    """

    url: str = ""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def move(self, url: str) -> None:
        """Tell the senders where the collector is now."""
        with self.changed:
            self.url = url
            self.changed.notify_all()

    def after(self, url: str) -> str:
        """Return an address, waiting for another one than `url` for a moment at most."""
        with self.changed:
            self.changed.wait_for(lambda: self.url != url, timeout=0.05)
            return self.url


class Sender(threading.Thread):
    """Sends requests one after the other, each until it is acknowledged.

    Args:
        target: Where to.
        first: Number of its first span; those of senders must not meet.
    """

    def __init__(self, target: Target, first: int) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._next = first
        self._first = first
        self._stopping = threading.Event()
        self.resent = 0

    @property
    def acknowledged(self) -> int:
        """How many spans were acknowledged."""
        return self._next - self._first

    def finish(self) -> None:
        """Stop after the request that is under way; it is sent until it is acknowledged."""
        self._stopping.set()
        self.join()

    @override
    def run(self) -> None:
        """Send until told to finish."""
        with httpx.Client(timeout=5, verify=NO_TLS) as client:
            while not self._stopping.is_set():
                body = traces(*calls(SPANS_PER_REQUEST, first=self._next)).SerializeToString()
                url = self._target.url
                while not self._accepted(client, url, body):
                    self.resent += 1
                    url = self._target.after(url)
                self._next += SPANS_PER_REQUEST

    @staticmethod
    def _accepted(client: httpx.Client, url: str, body: bytes) -> bool:
        try:
            answer = client.post(f"{url}/v1/traces", content=body, headers=HEADERS)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


def book(data: Path) -> dict[str, tuple[int, Decimal]]:
    """Return calls and USD of the ledger and of each rollup of a collector that is stopped.

    It reads in a process of its own, since chDB opens one folder a process.
    """
    done = subprocess.run(
        [sys.executable, "-m", "faults.truth", str(data)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return {table: (number, Decimal(usd)) for table, (number, usd) in found.items()}


def contents(store: Store) -> dict[str, tuple[int, Decimal]]:
    """Return calls and USD of the ledger and of each rollup, and how many lines are there twice."""
    found = {}
    for table in ("ledger", *ROLLUPS):
        sql = f"SELECT sum(calls), sum(amount_usd) FROM {table}"
        number, usd = store.query(sql).rows[0]
        found[table] = (number, usd)
    twice = "SELECT count() FROM (SELECT line_id FROM ledger GROUP BY 1 HAVING count() > 1)"
    found["lines twice"] = (store.query(twice).rows[0][0], Decimal(0))
    return found


def expected(spans: int) -> dict[str, tuple[int, Decimal]]:
    """Return what `book` must be after so many spans of one call each."""
    sums = (spans, spans * PRICE)
    return {"ledger": sums, **dict.fromkeys(ROLLUPS, sums), "lines twice": (0, Decimal(0))}


if __name__ == "__main__":
    with embedded(Path(sys.argv[1]) / "clickhouse") as opened:
        print(json.dumps(contents(opened), default=str))
