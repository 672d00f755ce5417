"""What a run reads: the amounts that rules move, summed by place, and the weights of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from otel_costattr.errors import BadInput
from otel_costattr_collector import spend
from otel_costattr_collector.spend import Edge, Question
from otel_costattr_collector.store import Store

from .rules import Basis, Match, Rule, RuleSet
from .shifts import KEYS, Cell

PREFIX: Final = "allocation:"
_ONE: Final = Decimal(1)
_MEASURES: Final[Mapping[Basis, str]] = {
    "calls": "sum(spent.calls)",
    "tokens": "sum(spent.input_total_tokens + spent.output_total_tokens)",
    "cost": "sum(spent.amount_usd)",
    "even": "if(sum(spent.calls) > 0, 1, 0)",
}
_CELLS: Final = (
    "SELECT {day} AS day, {keys}, mapSort(spent.tags) AS all_tags,"
    " sum(spent.amount_usd) AS usd, sum(spent.list_usd) AS list,"
    " sumIf(spent.lines, spent.status = 'unpriced') AS unpriced"
    " FROM ledger AS spent"
    " WHERE ({filter}) AND NOT (spent.entry = 'allocation'"
    " AND startsWith(spent.run_id, {{own_runs:String}}))"
    " GROUP BY day, {names}, all_tags"
    " HAVING ifNull(usd, 0) != 0 OR ifNull(list, 0) != 0 OR unpriced != 0"
    " ORDER BY day, {names}, all_tags LIMIT {limit}"
)
_WEIGHTS: Final = (
    "SELECT {dimensions}, {measure} AS weight FROM ledger AS spent"
    " WHERE ({filter}) AND spent.entry != 'allocation' AND spent.cost_pool = ''"
    " GROUP BY {keys} HAVING {known} AND weight != 0 ORDER BY {keys} LIMIT 100000"
)
MAX_CELLS: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days of a time zone, both included.

    Attributes:
        first: The first day.
        last: The last day.
        zone: IANA name of the reporting time zone.
    """

    first: date
    last: date
    zone: str

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise BadInput(f"the period ends on {self.last}, before it starts on {self.first}")

    @property
    def since(self) -> Edge:
        """Its start."""
        return spend.edge(self.first.isoformat(), self.zone)

    @property
    def until(self) -> Edge:
        """Its end, exclusive."""
        return spend.edge(self.last.isoformat(), self.zone, end=True)

    def meets(self, other: Period) -> bool:
        """Tell whether they have a day in common."""
        return self.first <= other.last and other.first <= self.last

    def start_ns(self, day: date) -> int:
        """Return when a day begins, nanoseconds UTC."""
        start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        return int(start.astimezone(UTC).timestamp()) * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the ledger says before a run.

    Attributes:
        cells: What rules may move.
        unpriced: Lines among them that have no price, which nobody can move.
    """

    cells: tuple[Cell, ...]
    unpriced: int


def cells_of(store: Store, rules: RuleSet, period: Period) -> Found:
    """Read all that the rules may move: the sums by day and every dimension.

    Lines of former runs of the same rules are left out, those of others are moved on.

    Args:
        store: Where the ledger is.
        rules: The rules.
        period: The days.

    Raises:
        BadInput: There are too many places for one run.
        StoreError: The store refused or did not answer.
    """
    found: dict[str, Cell] = {}
    unpriced: dict[str, int] = {}
    for rule in rules.rules:
        for cell, without_price in _asked(store, rules, rule.source, period):
            found[cell.key] = cell
            unpriced[cell.key] = without_price
    return Found(cells=tuple(found.values()), unpriced=sum(unpriced.values()))


def _asked(
    store: Store, rules: RuleSet, match: Match, period: Period
) -> Iterable[tuple[Cell, int]]:
    frame = spend.frame(_question(store, match, period), table="ledger")
    conditions = [frame.parts["filter"]]
    parameters = {**frame.parameters, "own_runs": f"{PREFIX}{rules.name}:"}
    if match.pool:
        conditions.append("spent.cost_pool = {pool:String}")
        parameters["pool"] = match.pool
    if rules.grain == "day":
        day = "toDate(spent.event_ns, {zone:String})"
        parameters["zone"] = period.zone
    else:
        day = "toDate({first:String})"
        parameters["first"] = period.first.isoformat()
    names = [f"key_{place}" for place, _ in enumerate(KEYS)]
    keys = (f"{_quoted(rules, name)} AS {key}" for name, key in zip(KEYS, names, strict=True))
    sql = _CELLS.format(
        day=day,
        keys=", ".join(keys),
        names=", ".join(names),
        filter=" AND ".join(conditions),
        limit=MAX_CELLS + 1,
    )
    rows = store.query(sql, parameters).rows
    if len(rows) > MAX_CELLS:
        raise BadInput(
            f"more than {MAX_CELLS} places to move from: unite dimensions that reports of the run"
            ' need not tell apart, such as unite = ["external_request_id", "session", "user"]'
        )
    return [_cell(row, rules, period) for row in rows]


def _quoted(rules: RuleSet, name: str) -> str:
    return "''" if name in rules.unite else f"spent.{name}"


def _cell(row: tuple[Any, ...], rules: RuleSet, period: Period) -> tuple[Cell, int]:
    day, *values, tags, usd, listed, unpriced = row
    cell = Cell(
        event_ns=period.start_ns(day),
        values=dict(zip(KEYS, values, strict=True)),
        tags={name: value for name, value in tags.items() if f"tags.{name}" not in rules.unite},
        amount_usd=usd or Decimal(0),
        list_usd=listed or Decimal(0),
    )
    return cell, unpriced


def weights_of(store: Store, rule: Rule, period: Period) -> dict[str, Decimal]:
    """Weigh each value of a rule's target by its use in the period, direct costs only.

    Args:
        store: Where the ledger is.
        rule: The rule; its basis is `calls`, `tokens`, `cost` or `even`.
        period: The days.

    Raises:
        StoreError: The store refused or did not answer.
    """
    question = _question(store, rule.among, period, group_by=(rule.target,))
    frame = spend.frame(question, table="ledger")
    parts = frame.parts
    sql = _WEIGHTS.format(
        dimensions=parts["dimensions"],
        measure=_MEASURES[rule.basis],
        filter=parts["filter"],
        keys=parts["keys"],
        known=" AND ".join(f"{key} != ''" for key in frame.keys),
    )
    rows = store.query(sql, frame.parameters).rows
    return {value: Decimal(weight) for value, weight in rows if weight is not None}


def _question(
    store: Store, match: Match, period: Period, *, group_by: tuple[str, ...] = ("tenant",)
) -> Question:
    return Question(
        group_by=group_by,
        since=period.since,
        until=period.until,
        filters=match.filters,
        without=match.without,
        reporting_zone=period.zone,
        schema=store.layout.attribution,
    )


def known_pools(store: Store, period: Period) -> tuple[str, ...]:
    """Name the shared costs of a period.

    Raises:
        StoreError: The store refused or did not answer.
    """
    frame = spend.frame(_question(store, Match(), period), table="ledger")
    sql = (
        "SELECT DISTINCT spent.cost_pool AS pool FROM ledger AS spent"  # noqa: S608 - text of ours
        f" WHERE ({frame.parts['filter']}) AND spent.cost_pool != '' ORDER BY pool LIMIT 100"
    )
    return tuple(pool for (pool,) in store.query(sql, frame.parameters).rows)
