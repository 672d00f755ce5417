"""The audit as a part of the service: every few minutes over recent hours, and on demand."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Callable, Collection
from datetime import date
from threading import Lock
from typing import Final

from otel_costattr.errors import StoreError

from ..closing.calendar import ClosedMonths
from ..metrics import Metrics
from ..settings import Settings
from ..store import Store
from .auditor import AnotherMends, Auditor
from .lease import Lease
from .report import Report
from .rollups import Days

SHORTEST_LEASE_S: Final = 600.0
_LEASED: Final = "audit"

_log: Final = logging.getLogger(__name__)


class Audits:
    """Runs audits and counts what they find.

    Args:
        auditor: Compares and mends.
        metrics: Where the results are shown.
        hours: How many recent hours are looked at.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        auditor: Auditor,
        *,
        metrics: Metrics,
        hours: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._auditor: Final = auditor
        self._metrics: Final = metrics
        self._hours: Final = hours
        self._clock: Final = clock

    def audit(self, first: date | None, last: date | None, *, repair: bool) -> Report:
        """Audit some days of recording, or the recent hours.

        Args:
            first: First day; the first of the recent hours if None.
            last: Last day; the first one if None and that is given.
            repair: Whether to mend.

        Raises:
            AnotherMends: Another collector mends.
            BadInput: The period is none.
            StoreError: The engine refused or did not answer.
        """
        recent = self._auditor.recent(self._hours)
        begin = first or min(recent.first, last or recent.first)
        days = Days(first=begin, last=last or first or recent.last)
        try:
            with self._metrics.audit_seconds.time():
                report = self._auditor.audit(days, repair=repair)
        except AnotherMends:
            self._metrics.audits.labels("left_to_another").inc()
            raise
        except Exception:
            self._metrics.audits.labels("failed").inc()
            raise
        self._count(report)
        return report

    async def run(self, stop: asyncio.Event, *, minutes: float, repair: bool) -> None:
        """Audit the recent hours every few minutes until `stop` is set; no failure ends it."""
        while not await _set_within(stop, 60 * minutes * random.uniform(0.9, 1.1)):  # noqa: S311 - spreads collectors
            try:
                report = await asyncio.to_thread(self.audit, None, None, repair=repair)
            except AnotherMends as error:
                _log.debug("no audit here: %s", error)
            except StoreError as error:
                _log.warning("the audit is tried again later: %s", error)
            except Exception:  # noqa: BLE001 - whatever it was, the next audit may do better
                _log.exception("the audit failed")
            else:
                _log_result(report)

    def _count(self, report: Report) -> None:
        metrics = self._metrics
        outcome = "differences" if report.left else "mended" if report.mended else "clean"
        metrics.audits.labels(outcome).inc()
        metrics.audited_timestamp.set(self._clock())
        for check in report.checks:
            metrics.audit_left.labels(check.check).set(check.differences - check.mended)
            metrics.audit_mended.labels(check.check).inc(check.mended)


def open_audits(
    settings: Settings,
    store: Store,
    metrics: Metrics,
    *,
    in_flight: Callable[[], Collection[int]],
    amending: Lock | None = None,
    closed: ClosedMonths | None = None,
) -> Audits:
    """Make the audits of a service.

    Args:
        settings: How often, over how many hours, and where the books are.
        store: The books.
        metrics: Where the results are shown.
        in_flight: Gives the batches that the service is writing.
        amending: Held by whoever amends lines.
        closed: The calendar that lines are dated by.
    """
    holder = f"{socket.gethostname()}:{settings.data.resolve()}"
    lease = None
    if settings.clickhouse is not None:
        seconds = max(SHORTEST_LEASE_S, 3 * 60 * settings.audit_minutes)
        lease = Lease(store, name=_LEASED, holder=holder, seconds=seconds)
    auditor = Auditor(
        store,
        holder=holder,
        lease=lease,
        in_flight=in_flight,
        amending=amending,
        closed=closed,
        quiet_seconds=60 * settings.audit_quiet_minutes,
    )
    return Audits(auditor, metrics=metrics, hours=settings.audit_hours)


async def _set_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False


def _log_result(report: Report) -> None:
    if report.left:
        _log.error(
            "the books do not agree: %d differences, %d mended, %d wait for a quiet time",
            report.differences,
            report.mended,
            report.busy,
        )
    elif report.mended:
        _log.warning("the audit mended %d differences", report.mended)
