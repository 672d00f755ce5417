"""Reconciling: a bill held against the ledger, and the gap booked as true-ups if asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from otel_costattr.model import Owner
from otel_costattr.pricing import PriceBook
from otel_costattr.pricing.matching import Asked, match
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.ledger import Cost, CostLine, Line, line_of_cost
from otel_costattr_collector.ledger.dates import HAPPENED_NS
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

from .bills import BillBook
from .comparing import Cause, Comparison, Hour, Key, compare

PREFIX: Final = "reconcile:"
_NS: Final = 10**9
_ZERO: Final = Decimal(0)
_HAPPENED: Final = HAPPENED_NS.format(table="spent")
_LEDGER: Final = (
    f"SELECT toStartOfHour(toDateTime(intDiv({_HAPPENED}, 1000000000), 'UTC')) AS hour,"  # noqa: S608 - text of ours
    " spent.model AS model,"
    " spent.project AS project, spent.service_tier AS tier, sum(spent.amount_usd) AS usd,"
    " sum(spent.list_usd) AS list, sum(spent.input_total_tokens + spent.output_total_tokens) AS tokens,"
    " sumIf(spent.lines, spent.status = 'unpriced') AS unpriced, sum(spent.most_usd) AS most"
    " FROM ledger AS spent WHERE spent.provider = {provider:String}"
    " AND spent.entry != 'allocation' AND spent.status != 'duplicate_of'"
    " AND NOT (spent.entry = 'true_up' AND startsWith(spent.run_id, {prefix:String}))"
    " AND spent.event_ns >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"
    " AND (spent.event_ns < fromUnixTimestamp64Nano({until:Int64}, 'UTC')"
    " OR spent.provenance['event_ns'] != '')"
    f" AND {_HAPPENED} >= {{since:Int64}} AND {_HAPPENED} < {{until:Int64}}"
    " GROUP BY hour, model, project, tier"
    " HAVING usd IS NOT NULL OR unpriced != 0 ORDER BY hour, model, project, tier"
)
_POSTED: Final = (
    f"SELECT toDate(toDateTime(intDiv({_HAPPENED}, 1000000000), 'UTC'), 'UTC') AS day,"  # noqa: S608 - text of ours
    " spent.model, spent.project, spent.cost_type, sum(spent.amount_usd), count()"
    " FROM ledger AS spent WHERE spent.provider = {provider:String}"
    " AND startsWith(spent.run_id, {prefix:String}) AND spent.entry = 'true_up'"
    " GROUP BY day, spent.model, spent.project, spent.cost_type"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to compare.

    Attributes:
        bill: Id of the bill.
        first: First day.
        last: Last day.
        models: The bill's name of a model to the ledger's, where matching does not find it.
        projects: The bill's name of a project to the ledger's.
    """

    bill: str
    first: date
    last: date
    models: Mapping[str, str]
    projects: Mapping[str, str]


class Reconciler:
    """Compares bills with the ledger, and books what differs.

    Args:
        store: Where bills and ledger are.
        bookings: Books runs of lines.
        book: Knows how models are spelled.
    """

    def __init__(self, store: Store, bookings: Bookings, book: PriceBook) -> None:
        self._store: Final = store
        self._bookings: Final = bookings
        self._bills: Final = BillBook(store)
        self._book: Final = book

    def compare(self, order: Order) -> Comparison:
        """Compare with when things happened, and book nothing; true-ups of bills do not count.

        Raises:
            BadInput: There is no such bill.
            StoreError: The store refused or did not answer.
        """
        return self._compared(order)[1]

    def post(self, order: Order) -> tuple[Comparison, int]:
        """Compare, and book the gap of each cell by cause; the same again books nothing.

        What was booked for a cell before, for this bill or another one of the provider, is taken
        off: a call that arrives later changes the true-up by what it changed the gap, and a
        revised bill by what was revised.

        Returns:
            The comparison, and how many lines were booked.

        Raises:
            BadInput: There is no such bill.
            RetryableError: The ledger cannot be reached; asking again completes or repeats it.
        """
        found: list[Comparison] = []

        def make() -> Sequence[Line]:
            provider, comparison = self._compared(order)
            found.append(comparison)
            return list(self._true_ups(order, provider, comparison))

        booked = self._bookings.book(make)
        return found[-1], booked.lines

    def _compared(self, order: Order) -> tuple[str, Comparison]:
        provider, lines = self._bills.read(order.bill)

        def name(model: str) -> str:
            return self._name(provider, model, order.models)

        ledger = list(self._hours(order, provider))
        return provider, compare(
            lines,
            ledger,
            first=order.first,
            last=order.last,
            name=name,
            projects=order.projects,
        )

    def _name(self, provider: str, model: str, models: Mapping[str, str]) -> str:
        if model in models or not model:
            return models.get(model, model)
        asked = Asked(provider=provider, host="", response_model=model, request_model="")
        return match(asked, self._book).model or model

    def _hours(self, order: Order, provider: str) -> Iterator[Hour]:
        parameters = {
            "provider": provider,
            "prefix": PREFIX,
            "since": _start_ns(order.first) - 86_400 * _NS,
            "until": _start_ns(order.last) + 2 * 86_400 * _NS,
        }
        for row in self._store.query(_LEDGER, parameters).rows:
            hour, model, project, tier, usd, listed, tokens, unpriced, most = row
            yield Hour(
                hour=hour.replace(tzinfo=None),
                model=model,
                project=project,
                tier=tier,
                usd=usd or _ZERO,
                list_usd=listed or _ZERO,
                tokens=tokens,
                unpriced=unpriced,
                most_usd=most,
            )

    def _true_ups(self, order: Order, provider: str, comparison: Comparison) -> Iterator[Line]:
        run = f"{PREFIX}{order.bill}"
        asked = {"provider": provider, "prefix": PREFIX}
        posted = {
            (Key(day, model, project), cause): (usd, times)
            for day, model, project, cause, usd, times in self._store.query(_POSTED, asked).rows
            if order.first <= day <= order.last
        }
        wanted = {
            (cell.key, cause): usd
            for cell in comparison.cells
            for cause, usd in cell.causes.items()
        }
        cells = {cell.key: cell for cell in comparison.cells}
        for key, cause in sorted({*wanted, *posted}):
            before = posted.get((key, cause), (_ZERO, 0))
            change = wanted.get((key, cause), _ZERO) - before[0]
            if change:
                cell = cells.get(key)
                words = f"bill {order.bill}: {cause} on {key.day}"
                if cell is not None:
                    billed, booked = decimal_text(cell.bill_usd), decimal_text(cell.ledger_usd)
                    words += f", billed {billed} USD, booked {booked} USD"
                yield _true_up(run, provider, (key, cause), change, before, words)


def _true_up(
    run: str,
    provider: str,
    cell: tuple[Key, Cause],
    change: Decimal,
    before: tuple[Decimal, int],
    words: str,
) -> Line:
    """Lay out one true-up; what was booked before is part of its identity."""
    key, cause = cell
    usd, times = before
    where = (run, key.day.isoformat(), key.model, key.project, cause)
    identity = (*where, decimal_text(usd), *((str(times),) if times > 1 else ()))
    return line_of_cost(
        CostLine(
            entry="true_up",
            identity=identity,
            event_ns=_start_ns(key.day) + 43_200 * _NS,
            amount_usd=change,
            owner=Owner(values={"project": key.project} if key.project else {}),
            cost=Cost(type=cause, source="invoice", description=words),
            source_key=f"invoice:{run.removeprefix(PREFIX)}",
            provider=provider,
            model=key.model,
            cause=f"{run}:{cause}",
            run_id=run,
        )
    )


def _start_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _NS
