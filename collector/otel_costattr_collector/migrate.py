"""Migrations: forward only, each applied once, an edited one refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from otel_costattr.errors import PermanentError, StoreError
from otel_costattr_collector import schema
from otel_costattr_collector.schema import Layout

_FILE: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_APPLIED: Final = (
    "SELECT number, any(name) AS name, any(checksum) AS checksum, any(layout) AS layout,"
    " any(reporting_time_zone) AS time_zone FROM schema_migrations GROUP BY number ORDER BY number"
)
_HAS_TABLE: Final = (
    "SELECT count() FROM system.tables"
    " WHERE database = {database:String} AND name = 'schema_migrations'"
)
_RECORDS: Final = (
    "SELECT one.1, one.2, one.3, {layout:String}, {time_zone:String}, {software:String},"
    " fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC') FROM (SELECT arrayJoin(arrayZip("
    "{numbers:Array(UInt32)}, {names:Array(String)}, {checksums:Array(String)})) AS one)"
)


class Engine(Protocol):
    """What migrations need of a store."""

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """Run one SELECT."""

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run one statement."""


class Rows(Protocol):
    """What a query returns."""

    def mappings(self) -> tuple[dict[str, Any], ...]:
        """Read each row by the names of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of `clickhouse/migrations/`.

    Attributes:
        number: Its place in the order, from 1.
        name: Its file name.
        text: One statement with markers.
    """

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, 64 hex digits."""
        return sha256(self.text.encode()).hexdigest()


@cache
def shipped() -> tuple[Migration, ...]:
    """Load every migration that this software knows, in order."""
    return load(schema.folder() / "migrations")


def load(folder: Path) -> tuple[Migration, ...]:
    """Load the migrations of a folder.

    Raises:
        PermanentError: A file is misnamed, or the numbers are not 1, 2, 3, ...
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        name = _FILE.fullmatch(path.name)
        if name is None or int(name[1]) != len(found) + 1:
            raise PermanentError(
                f"migration {path.name}: expected number {len(found) + 1:04} and a lower-case name"
            )
        found.append(Migration(number=int(name[1]), name=path.name, text=path.read_text("utf-8")))
    return tuple(found)


def pending(
    engine: Engine, layout: Layout, *, migrations: tuple[Migration, ...] | None = None
) -> tuple[Migration, ...]:
    """Find what is still to be applied, after checking what has been.

    Raises:
        PermanentError: An applied migration was edited, is unknown, or was rendered for another
            layout or reporting time zone.
    """
    known = shipped() if migrations is None else migrations
    applied = _applied(engine, layout)
    for record in applied:
        _check(record, known, layout)
    done = {record["number"] for record in applied}
    return tuple(migration for migration in known if migration.number not in done)


def run(
    engine: Engine,
    layout: Layout,
    *,
    now_ns: int,
    migrations: tuple[Migration, ...] | None = None,
) -> tuple[str, ...]:
    """Apply what is pending, in order, and record what was applied, also if one is refused.

    Every statement says IF NOT EXISTS, so a run that was cut short is simply run again.

    Args:
        engine: Where to.
        layout: What to render for.
        now_ns: The time to record, nanoseconds UTC.
        migrations: Which; None for those that ship.

    Returns:
        The names of those that were applied.

    Raises:
        PermanentError: As for `pending`.
    """
    todo = pending(engine, layout, migrations=migrations)
    applied: list[Migration] = []
    try:
        for migration in todo:
            for statement in schema.render(migration.text, layout):
                engine.command(statement)
            applied.append(migration)
    except StoreError:
        with suppress(StoreError):  # the first failure is the one to tell
            _record(engine, applied, layout, now_ns)
        raise
    _record(engine, applied, layout, now_ns)
    return tuple(migration.name for migration in todo)


def _applied(engine: Engine, layout: Layout) -> tuple[dict[str, Any], ...]:
    has_table = engine.query(_HAS_TABLE, {"database": layout.database}).mappings()
    if not next(iter(has_table[0].values())):
        return ()
    return engine.query(_APPLIED).mappings()


def _check(record: Mapping[str, Any], known: tuple[Migration, ...], layout: Layout) -> None:
    number = record["number"]
    name = f"migration {record['name']}"
    if number > len(known):
        raise PermanentError(f"{name} was applied by a newer otel-costattr: upgrade this one")
    if record["checksum"] != known[number - 1].checksum:
        raise PermanentError(
            f"{name} was edited after it was applied: restore its text and add a new migration"
        )
    if (record["layout"], record["time_zone"]) != (layout.kind, layout.time_zone):
        raise PermanentError(
            f"{name} was applied for layout {record['layout']!r} and reporting time zone "
            f"{record['time_zone']!r}, not for {layout.kind!r} and {layout.time_zone!r}: "
            "use the same settings, or another database"
        )


def _record(engine: Engine, migrations: Sequence[Migration], layout: Layout, now_ns: int) -> None:
    """Record that they are applied, in one insert: one for each takes as long as all tables."""
    if not migrations:
        return
    table = layout.writes_to("schema_migrations")
    engine.command(
        f"INSERT INTO {table} SETTINGS async_insert = 0 {_RECORDS}",
        {
            "numbers": [migration.number for migration in migrations],
            "names": [migration.name for migration in migrations],
            "checksums": [migration.checksum for migration in migrations],
            "layout": layout.kind,
            "time_zone": layout.time_zone,
            "software": version("otel-costattr"),
            "now_ns": now_ns,
        },
    )
