"""Heads: the lines that stand. A reversal takes a line back; a rebook continues its chain."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ..ledger import Line, as_mapping, from_row, select_list
from ..ledger.columns import LINE_COLUMNS
from ..ledger.dates import is_later, moment_of
from ..ledger.entries import CALLS, COSTS, REVERSALS, in_sql
from ..spend import Question, frame
from ..store import Store

PAGE: Final = 5_000
KEYS_AT_ONCE: Final = 1_000
LAST_NS: Final = 2**63 - 1
_DAY_NS: Final = 86_400 * 10**9
_OF_SPANS: Final = (
    "((ledger.source_key = '' AND ledger.trace_id IN {traces:Array(String)}"
    " AND concat(ledger.trace_id, ':', ledger.span_id) IN {spans:Array(String)})"
    " OR ledger.source_key IN {spans:Array(String)})"
)
_PLACES: Final = {column.name: place for place, column in enumerate(LINE_COLUMNS)}

_HEADS: Final = """
SELECT {columns} FROM ledger
WHERE {conditions}
    AND {standing}
    AND NOT startsWith(ledger.cause, 'audit:restore:')
    AND ledger.line_id NOT IN
    (
        SELECT back.amends FROM ledger AS back
        WHERE back.entry IN {reversals} AND NOT startsWith(back.cause, 'audit:copy:')
            AND back.event_ns >= fromUnixTimestamp64Nano({{first_ns:Int64}}, 'UTC')
    )
ORDER BY ledger.event_ns, ledger.line_id
LIMIT 1 BY ledger.event_ns, ledger.line_id
LIMIT {{at_most:UInt64}}
"""
"""A reversal lies at the time of its line, or later where that month was closed meanwhile."""

_CALLS: Final = f"ledger.entry IN {in_sql(CALLS)} AND ledger.call_key != ''"
"""Ledgers that are older than `cost_rebook` have costs that were booked anew as `rebook`."""

_CALLS_AND_COSTS: Final = f"ledger.entry IN {in_sql((*CALLS, *COSTS))}"

_WITHIN: Final = (
    "ledger.event_ns >= fromUnixTimestamp64Nano({first_ns:Int64}, 'UTC')"
    " AND ledger.event_ns < fromUnixTimestamp64Nano({last_ns:Int64}, 'UTC')"
)
_LATER: Final = (
    "ledger.provenance['event_ns'] >= {happened_first:String}"
    " AND ledger.provenance['event_ns'] < {happened_last:String}"
)
_AFTER: Final = (
    " AND (ledger.event_ns, ledger.line_id)"
    " > (fromUnixTimestamp64Nano({after_ns:Int64}, 'UTC'), {after_id:String})"
)
_MOMENTS: Final = """
SELECT toUnixTimestamp64Nano(min(spent.event_ns)), toUnixTimestamp64Nano(max(spent.event_ns))
FROM ledger AS spent WHERE {conditions}
"""
_CLOSINGS: Final = """
SELECT count(), toUnixTimestamp64Nano(min(closed_months.recorded_ns)) FROM closed_months
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of time and what is asked for in it.

    Attributes:
        first_ns: Its start, nanoseconds UTC.
        last_ns: Its end, exclusive.
        conditions: More conditions in SQL, over `ledger`.
        parameters: Their values.
        is_open: Whether it is open to the past, whatever the first date in the ledger.
    """

    first_ns: int
    last_ns: int
    conditions: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    is_open: bool = False


def period_of(store: Store, question: Question, *conditions: str) -> Period:
    """Return the stretch of the ledger that a question is about; an open end is found there.

    Args:
        store: Where the ledger is.
        question: Its period and its filters.
        conditions: More conditions in SQL, over `ledger`.

    Raises:
        StoreError: The store refused or did not answer.
    """
    asked = frame(replace(question, since=None, until=None), table="ledger")
    since, until = question.since, question.until
    if since is None or until is None:
        first, last = store.query(
            _MOMENTS.format(conditions=asked.parts["filter"]), asked.parameters
        ).rows[0]
    else:
        frame(question, table="ledger")
        first = last = 0
    return Period(
        first_ns=first if since is None else since.ns,
        last_ns=last + 1 if until is None else until.ns,
        conditions=(
            *(condition.replace("spent.", "ledger.") for condition in asked.conditions),
            *conditions,
        ),
        parameters=asked.parameters,
        is_open=since is None,
    )


def heads_between(store: Store, period: Period, *, with_costs: bool = False) -> Iterator[Line]:
    """Yield the heads of what happened in a period, the oldest first, a page at a time.

    Those that are dated later, since their month was closed, come last.

    A busy day is asked for by itself, quiet ones together.

    Args:
        store: Where the ledger is.
        period: When they happened, and what else they must fulfil.
        with_costs: Whether to yield those of costs that are no call, too.

    Raises:
        StoreError: The store refused or did not answer.
    """
    standing = _CALLS_AND_COSTS if with_costs else _CALLS
    yield from (line for line in _by_days(store, period, standing) if not is_later(line))
    count, closed_ns = store.query(_CLOSINGS).rows[0]
    if count:
        later = Period(
            first_ns=max(closed_ns, period.first_ns),
            last_ns=LAST_NS,
            conditions=(_LATER, *period.conditions),
            parameters={
                **period.parameters,
                "happened_first": moment_of(0 if period.is_open else period.first_ns),
                "happened_last": moment_of(period.last_ns),
            },
        )
        yield from _pages(store, later, standing, later.first_ns, LAST_NS)


def _by_days(store: Store, period: Period, standing: str) -> Iterator[Line]:
    first_ns, length_ns = period.first_ns, _DAY_NS
    while first_ns < period.last_ns:
        last_ns = min(first_ns + length_ns, period.last_ns)
        count = yield from _counted(_pages(store, period, standing, first_ns, last_ns))
        # Quiet days are asked for together: a question costs more than their lines.
        length_ns = length_ns * 2 if count < PAGE // 2 else _DAY_NS
        first_ns = last_ns


def _counted(lines: Iterator[Line]) -> Generator[Line, None, int]:
    count = 0
    for line in lines:
        yield line
        count += 1
    return count


def _pages(
    store: Store, period: Period, standing: str, first_ns: int, last_ns: int
) -> Iterator[Line]:
    after: dict[str, object] = {}
    while True:
        within = " AND ".join((_WITHIN, *period.conditions)) + (_AFTER if after else "")
        rows = store.query(
            _HEADS.format(
                columns=select_list(),
                conditions=within,
                standing=standing,
                reversals=in_sql(REVERSALS),
            ),
            {
                **period.parameters,
                **after,
                "first_ns": first_ns,
                "last_ns": last_ns,
                "at_most": PAGE,
            },
        ).rows
        yield from map(from_row, rows)
        if len(rows) < PAGE:
            return
        last = from_row(rows[-1])
        after = {"after_ns": last[_PLACES["event_ns"]], "after_id": last[_PLACES["line_id"]]}


def heads_of_spans(
    store: Store, span_keys: Collection[str], first_ns: int
) -> dict[str, tuple[Line, ...]]:
    """Return the heads of some spans' lines, by `trace_id:span_id` or source key.

    Args:
        store: Where the ledger is.
        span_keys: The spans, as the ledger names them.
        first_ns: No line of them happened before, nanoseconds UTC.

    Raises:
        StoreError: The store refused or did not answer.
    """
    found: dict[str, list[Line]] = {}
    keys = sorted(set(span_keys))
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        period = Period(
            first_ns=max(first_ns, 0),
            last_ns=LAST_NS,
            conditions=(_OF_SPANS,),
            parameters={"spans": some, "traces": sorted({key.partition(":")[0] for key in some})},
        )
        for line in _pages(store, period, _CALLS, period.first_ns, LAST_NS):
            values = as_mapping(line)
            name = values["source_key"] or f"{values['trace_id']}:{values['span_id']}"
            found.setdefault(str(name), []).append(line)
    return {key: tuple(lines) for key, lines in found.items()}
