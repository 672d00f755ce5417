"""Ledger against rollups, key by key: what a rollup should hold is what its own view says.

The SELECT of the view that feeds a rollup is run over the ledger again, and what the rollup holds
is taken off. What is left is what the rollup lacks, in the rollup's own columns, so that inserting
it is the repair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from .. import migrate, schema
from ..schema import Layout

_FEED: Final = re.compile(
    r"\bTO (\w+)\s+AS SELECT\s(.+?)\sFROM ledger AS ledger\s+GROUP BY\s(.+)", re.DOTALL
)
_ALIAS: Final = re.compile(r"\bAS (\w+)")
LOOK_SETTINGS: Final[Mapping[str, object]] = {
    "max_threads": 1,
    "max_bytes_before_external_group_by": 256 * 1024 * 1024,
    "max_execution_time": 600,
}
"""An audit waits for nobody and nobody should wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """A table of sums and what feeds it.

    Attributes:
        name: The table.
        keys: Its dimensions, in the order of the view; the first is the time of the event.
        sums: What it adds up.
        select: What the view selects from the ledger.
    """

    name: str
    keys: tuple[str, ...]
    sums: tuple[str, ...]
    select: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A period of recording, in whole days of the reporting time zone.

    Attributes:
        first: Its first day.
        last: Its last day.
    """

    first: date
    last: date

    def each(self) -> Iterator[date]:
        """Yield the days, the first one first."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What one row of a rollup lacks; negative for what it has too much of.

    Attributes:
        mark: A hash of the key and of every difference: the same lack has the same mark.
        newest_ns: When the newest ledger line of this key was recorded; 0 if there is none.
        in_flight: Lines of this key in batches that are being written.
        recorded: The day of recording.
        row: Each key and each difference, by column.
    """

    mark: int
    newest_ns: int
    in_flight: int
    recorded: date
    row: Mapping[str, Any]


def rollups_of(layout: Layout) -> tuple[Rollup, ...]:
    """Read the rollups and what feeds them from the migrations, for the days of a layout."""
    plain = Layout(time_zone=layout.time_zone)
    texts = (schema.render(migration.text, plain)[0] for migration in migrate.shipped())
    return tuple(_rollup(found) for found in map(_FEED.search, texts) if found)


def _rollup(found: re.Match[str]) -> Rollup:
    keys = tuple(key.strip() for key in found[3].split(","))
    sums = tuple(name for name in _ALIAS.findall(found[2]) if name not in keys)
    return Rollup(name=found[1], keys=keys, sums=sums, select=found[2].strip())


def lacks_sql(rollup: Rollup, *, only: bool = False, bare: bool = False) -> str:
    """Write the SELECT that finds what a rollup lacks.

    Its parameters are `first` and `last` (days of recording), `kept_from` (first day of event that
    the ledger has whole), `in_flight` (batch ids), `at_most` (rows) and, with `only`, `marks`.

    Args:
        rollup: The table.
        only: Whether to return the lacks of given marks alone.
        bare: Whether to leave out everything but the columns of the rollup.
    """
    columns = (*rollup.keys, *rollup.sums)
    shown = ", ".join(columns if bare else (*columns, "mark", "newest_ns", "in_flight"))
    event = rollup.keys[0]
    lacking = " OR ".join(f"ifNull({name}, 0) != 0" for name in rollup.sums)
    mark = f"cityHash64(toString(tuple({', '.join(columns)})))"
    chosen = "WHERE mark IN {marks:Array(UInt64)} " if only else ""
    return f"""
SELECT {shown} FROM
(
    SELECT {", ".join(f"both.{key} AS {key}" for key in rollup.keys)},
        {", ".join(f"sum(both.{name}) AS {name}" for name in rollup.sums)},
        max(both.newest_ns) AS newest_ns, sum(both.in_flight) AS in_flight, {mark} AS mark
    FROM
    (
        SELECT {rollup.select},
            toUnixTimestamp64Nano(max(ledger.recorded_ns)) AS newest_ns,
            toInt64(countIf(has({{in_flight:Array(UInt64)}}, ledger.batch_id))) AS in_flight
        FROM ledger AS ledger
        WHERE recorded_date BETWEEN {{first:Date}} AND {{last:Date}}
            AND toDate({event}) >= {{kept_from:Date}}
        GROUP BY {", ".join(rollup.keys)}
        UNION ALL
        SELECT {", ".join(f"kept.{key} AS {key}" for key in rollup.keys)},
            {", ".join(f"-sum(kept.{name}) AS {name}" for name in rollup.sums)},
            toInt64(0) AS newest_ns, toInt64(0) AS in_flight
        FROM {rollup.name} AS kept
        WHERE kept.recorded_date BETWEEN {{first:Date}} AND {{last:Date}}
            AND toDate(kept.{event}) >= {{kept_from:Date}}
        GROUP BY {", ".join(rollup.keys)}
    ) AS both
    GROUP BY {", ".join(rollup.keys)}
    HAVING {lacking}
)
{chosen}ORDER BY mark LIMIT {{at_most:UInt64}}
"""


def lack_of(rollup: Rollup, row: Mapping[str, Any]) -> Lack:
    """Read one row of `lacks_sql`."""
    return Lack(
        mark=row["mark"],
        newest_ns=row["newest_ns"],
        in_flight=row["in_flight"],
        recorded=row["recorded_date"],
        row={name: row[name] for name in (*rollup.keys, *rollup.sums)},
    )


def quiet(lacks: Sequence[Lack], *, before_ns: int, before_day: date) -> tuple[Lack, ...]:
    """Choose what may be mended: nobody has written to its key for a while, or is about to.

    Args:
        lacks: What was found.
        before_ns: A line recorded later makes its key busy.
        before_day: A key without any line in the ledger is quiet once its day of recording is
            over, which is when it lies before this day.
    """
    return tuple(
        lack
        for lack in lacks
        if not lack.in_flight
        and (lack.newest_ns < before_ns if lack.newest_ns else lack.recorded < before_day)
    )
