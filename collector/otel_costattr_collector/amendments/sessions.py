"""Owners that a session's other spans tell: lines that lack them get them by pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field

from otel_costattr.errors import BadInput

from ..analytics.asking import Asked, question_of
from ..bookings import Bookings
from ..ledger import Line, as_mapping
from ..ledger.dates import HAPPENED_NS
from ..ledger.entries import CHAINED, in_sql
from ..store import Store
from .changes import Amended, Change, amended, pairs
from .heads import Period, heads_between, period_of
from .reprice import MOST_CHANGES, Stretch

Shared = Literal[
    "tenant",
    "user",
    "team",
    "project",
    "employee",
    "plan",
    "environment",
    "data_mode",
    "experiment",
    "variant",
]
"""Dimensions that a whole session has one value of; a feature or a step may change in it."""

SHARED: Final[tuple[Shared, ...]] = get_args(Shared)
USUAL: Final[tuple[Shared, ...]] = SHARED[:8]
CAUSE: Final = "reattribute:sessions"
MOST_SESSIONS: Final = 200_000
MOST_NAMED: Final = 100
SESSIONS_AT_ONCE: Final = 2_000
SEVERAL_TENANTS: Final = "several tenants"
_STANDING: Final = "ledger.status != 'duplicate_of' AND ledger.session != ''"
_HAPPENED: Final = HAPPENED_NS.format(table="ledger")
_TOLD: Final = """
SELECT session, {dimensions}, sum(ledger.lines) AS standing FROM ledger
WHERE {conditions} AND ledger.entry IN {entries}
    AND ledger.event_ns >= fromUnixTimestamp64Nano({{first_ns:Int64}}, 'UTC')
    AND {happened} >= {{first_ns:Int64}} AND {happened} < {{last_ns:Int64}}
    AND session IN
    (
        SELECT ledger.session FROM ledger
        WHERE {conditions} AND ledger.event_ns >= fromUnixTimestamp64Nano({{first_ns:Int64}}, 'UTC')
        GROUP BY ledger.session HAVING {differs}
    )
GROUP BY session, {dimensions} HAVING standing > 0
ORDER BY session, {dimensions} LIMIT {{at_most:UInt64}}
"""
"""Reversals cancel what they take back, since they have its dimensions."""


class FromSessions(Stretch):
    """Which sessions to complete, and by which dimensions."""

    dimensions: Annotated[list[Shared], Field(min_length=1, max_length=len(SHARED))] = Field(
        default=list(USUAL), description="What a session has one value of."
    )
    dry_run: bool = Field(default=False, description="Whether to say only what would change.")


@dataclass(slots=True)
class _Known:
    """What is known of one session."""

    values: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lacks: set[str] = field(default_factory=set)

    def fills(self, names: Sequence[str]) -> dict[str, str]:
        """Return the values that lines of it lack and that nothing contradicts."""
        if len(self.values["tenant"]) > 1:
            return {}
        return {
            name: next(iter(self.values[name]))
            for name in names
            if name in self.lacks and len(self.values[name]) == 1
        }

    def disputes(self, names: Sequence[str]) -> list[str]:
        """Say why lines of it stay without a value, though values are known."""
        lacks = [name for name in names if name in self.lacks]
        if len(self.values["tenant"]) > 1:
            return [SEVERAL_TENANTS] if lacks else []
        return [f"several values of {name}" for name in lacks if len(self.values[name]) > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    changes: Sequence[Change]
    count: int
    left: Mapping[str, int]
    disputed: Sequence[str]


def complete_sessions(
    store: Store, bookings: Bookings, wanted: FromSessions, *, tenant: str = ""
) -> Amended:
    """Give lines what other lines of their session say, each by a pair: all of them or none.

    Only what is unknown is filled, and only where the session has one value of it in the period.
    A session with several tenants is left alone as a whole. The same again changes nothing.

    Args:
        store: Where the ledger is.
        bookings: Books the pairs.
        wanted: The period, the dimensions and whether to book.
        tenant: The only tenant whose lines may be touched, or `''` for all.

    Raises:
        BadInput: The period makes no sense, or too much would change at once.
        StoreError: The store refused or did not answer.
    """
    seen: list[_Looked] = []

    def make() -> Iterator[Line]:
        seen.append(_look(store, wanted, tenant))
        yield from pairs(seen[-1].changes, cause=CAUSE, run_id=CAUSE)

    booked = 0
    if wanted.dry_run:
        seen.append(_look(store, wanted, tenant))
    else:
        booked = bookings.book(make).lines
    found = seen[-1]
    return amended(
        store,
        found.changes,
        cause=CAUSE,
        looked_at=found.count,
        booked=booked,
        dry_run=wanted.dry_run,
        bookings=bookings,
    ).model_copy(update={"left": dict(found.left), "sessions": list(found.disputed)})


def _look(store: Store, wanted: FromSessions, tenant: str) -> _Looked:
    names = tuple(dict.fromkeys(("tenant", *wanted.dimensions)))
    asked = Asked(**wanted.model_dump(include=set(Stretch.model_fields)))
    period = period_of(store, question_of(asked, store.layout, tenant=tenant), _STANDING)
    known = _known(store, period, names)
    fills = {session: one.fills(wanted.dimensions) for session, one in known.items()}
    left: defaultdict[str, int] = defaultdict(int)
    disputed = []
    for session, one in known.items():
        reasons = one.disputes(wanted.dimensions)
        for reason in reasons:
            left[f"sessions with {reason}"] += 1
        if reasons:
            disputed.append(f"{session}: {', '.join(reasons)}")
    changes, count = _changes(store, period, {s: f for s, f in fills.items() if f})
    return _Looked(changes=changes, count=count, left=left, disputed=disputed[:MOST_NAMED])


def _known(store: Store, period: Period, names: Sequence[str]) -> Mapping[str, _Known]:
    """Read what lines say of sessions of which one lacks what another one has."""
    columns = [f"ledger.{name}" for name in names]
    differs = " OR ".join(f"(min({name}) = '' AND max({name}) != '')" for name in columns)
    sql = _TOLD.format(
        dimensions=", ".join(columns),
        entries=in_sql(CHAINED),
        conditions=" AND ".join(period.conditions),
        happened=_HAPPENED,
        differs=differs,
    )
    rows = store.query(
        sql,
        {
            **period.parameters,
            "first_ns": 0 if period.is_open else period.first_ns,
            "last_ns": period.last_ns,
            "at_most": MOST_SESSIONS + 1,
        },
    ).rows
    if len(rows) > MOST_SESSIONS:
        raise BadInput("too many sessions lack something: ask for a shorter period at a time")
    found: defaultdict[str, _Known] = defaultdict(_Known)
    for session, *values, _ in rows:
        one = found[session]
        for name, value in zip(names, values, strict=True):
            if value:
                one.values[name].add(value)
            else:
                one.lacks.add(name)
    return found


def _changes(
    store: Store, period: Period, fills: Mapping[str, Mapping[str, str]]
) -> tuple[list[Change], int]:
    changes: list[Change] = []
    count = 0
    sessions = sorted(fills)
    for start in range(0, len(sessions), SESSIONS_AT_ONCE):
        some = replace(
            period,
            conditions=(*period.conditions, "ledger.session IN {sessions:Array(String)}"),
            parameters={
                **period.parameters,
                "sessions": sessions[start : start + SESSIONS_AT_ONCE],
            },
        )
        for line in heads_between(store, some, with_costs=True):
            count += 1
            made = _filled(line, fills)
            if made is not line:
                changes.append(Change(line=line, corrected=made))
                if len(changes) > MOST_CHANGES:
                    raise BadInput(
                        f"more than {MOST_CHANGES} lines change: ask for a shorter period at a time"
                    )
    return changes, count


def _filled(line: Line, fills: Mapping[str, Mapping[str, str]]) -> Line:
    values: dict[str, Any] = dict(as_mapping(line))
    lacking = {name: value for name, value in fills[values["session"]].items() if not values[name]}
    if not lacking:
        return line
    values |= lacking
    values["owner_source"] = {**values["owner_source"], **dict.fromkeys(lacking, "rule")}
    return tuple(values.values())
