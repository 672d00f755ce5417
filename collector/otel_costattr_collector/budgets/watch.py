"""The watch over budgets: every few minutes it looks, shows what it sees, and tells what is new."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

from otel_costattr.errors import StoreError
from otel_costattr_collector.audit.lease import Lease
from otel_costattr_collector.budgets.anomalies import Anomalies, Finding
from otel_costattr_collector.budgets.book import BudgetBook, today
from otel_costattr_collector.budgets.status import Status, status_of
from otel_costattr_collector.budgets.webhooks import Messenger, Notice, webhooks_of
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store

_SHORTEST_LEASE_S: Final = 600.0
_log: Final = logging.getLogger(__name__)


class Watch:
    """Looks at budgets and at yesterday, and tells what is new.

    Args:
        store: The ledger.
        metrics: Where budgets are shown.
        messenger: Tells it.
        lease: With several collectors of one server, the one that holds it tells; None for one.
        now_ns: Nanoseconds UTC.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        messenger: Messenger,
        *,
        lease: Lease | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store: Final = store
        self._metrics: Final = metrics
        self._messenger: Final = messenger
        self._lease: Final = lease
        self._now_ns: Final = now_ns
        self._book: Final = BudgetBook(store)
        self._anomalies: Final = Anomalies(store)
        self._looked_at: date | None = None

    def look(self) -> int:
        """Look once, and return how many notices were delivered.

        Raises:
            StoreError: The store refused or did not answer.
        """
        now = self._now_ns()
        stands = [status_of(self._store, one, now) for one in self._book.in_force(now)]
        self._show(stands)
        if self._lease is not None and self._lease.take().holder != self._lease.holder:
            return 0
        notices = [notice for one in stands for notice in budget_notices(one)]
        yesterday = today(self._store.layout.time_zone, now) - timedelta(days=1)
        if yesterday != self._looked_at:
            self._anomalies.look(yesterday)
            self._looked_at = yesterday
        found = self._anomalies.kept(yesterday, yesterday)
        return self._messenger.send([*notices, *(anomaly_notice(one) for one in found)])

    async def run(self, stop: asyncio.Event, *, minutes: float) -> None:
        """Look every few minutes until `stop` is set; no failure ends it."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.look)
            except StoreError as error:
                _log.warning("budgets are looked at again later: %s", error)
            except Exception:  # noqa: BLE001 - whatever it was, the next look may do better
                _log.exception("the look at budgets failed")
            try:
                async with asyncio.timeout(60 * minutes):
                    await stop.wait()
            except TimeoutError:
                continue

    def _show(self, stands: Sequence[Status]) -> None:
        for gauge in (self._metrics.budget_spent, self._metrics.budget_forecast):
            gauge.clear()
        for one in stands:
            self._metrics.budget_spent.labels(one.budget.id).set(float(one.spent_percent) / 100)
            self._metrics.budget_forecast.labels(one.budget.id).set(
                float(one.forecast_percent) / 100
            )


def budget_notices(one: Status) -> list[Notice]:
    """Say which thresholds of a budget are reached: once for each of them and period."""
    return [
        Notice(
            kind="budget",
            subject=f"{one.budget.id}@{one.first_day}@{percent}",
            text=(
                f"Budget {one.budget.id} has reached {percent} %: {one.spent or 'unknown'} of"
                f" {decimal_text(one.budget.amount_usd)} USD, {one.first_day} to {one.last_day};"
                f" {one.forecast} USD are expected at its end. Guards answer {one.action}."
            ),
            facts={"threshold_percent": percent, **one.model_dump(mode="json")},
        )
        for percent in one.reached
    ]


def anomaly_notice(one: Finding) -> Notice:
    """Say what was out of the ordinary."""
    more = "more" if one.score > 0 else "less"
    facts = {
        "day": str(one.day),
        "dimension": one.dimension,
        "value": one.value,
        "cost": decimal_text(one.cost),
        "expected": decimal_text(one.expected),
        "score": decimal_text(one.score),
    }
    return Notice(
        kind="anomaly",
        subject=f"{one.dimension}:{one.value}:{one.day}",
        text=(
            f"{one.dimension.capitalize()} {one.value or '(unknown)'} cost far {more} than usual on"
            f" {one.day}: {one.cost:.2f} USD, {one.expected:.2f} USD are usual."
        ),
        facts=facts,
    )


def open_watch(settings: Settings, store: Store, metrics: Metrics) -> Watch:
    """Make the watch of a service.

    Raises:
        BadSettings: A webhook is no address.
    """
    words = settings.webhooks.get_secret_value() if settings.webhooks else ""
    secret = settings.webhook_secret
    messenger = Messenger(
        store,
        webhooks_of(words),
        metrics=metrics,
        secret=secret.get_secret_value().encode() if secret else None,
    )
    lease = None
    if settings.clickhouse is not None:
        holder = f"{socket.gethostname()}:{settings.data.resolve()}"
        seconds = max(_SHORTEST_LEASE_S, 3 * 60 * settings.budget_minutes)
        lease = Lease(store, name="budgets", holder=holder, seconds=seconds)
    return Watch(store, metrics, messenger, lease=lease)
