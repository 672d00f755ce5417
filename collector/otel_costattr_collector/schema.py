"""The SQL that ships with the service, and its rendering for one server, a cluster or Cloud.

The files in `clickhouse/` are plain SQL for one server. Markers in comments say what changes
elsewhere, so that a reader and the engine see the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from otel_costattr.attribution import NO_SCHEMA, Schema
from otel_costattr.errors import BadSettings

LayoutKind = Literal["single", "cluster", "cloud"]

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_ENGINE: Final = re.compile(r"/\*\{engine\}\*/ (\w+)")
_DEDUP: Final = re.compile(r"/\*\{dedup\}\*/ non_replicated_deduplication_window = \d+")
_DISK: Final = re.compile(r"^ */\*\{disk\}\*/ .*\n", re.MULTILINE)
_TIME_ZONE: Final = re.compile(r"/\*\{time_zone\}\*/ '[^']*'")
_MARKER: Final = re.compile(r" ?/\*\{\w+\}\*/")
_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)/\*\{local\}\*/")
_REPLICATED_WINDOW: Final = (
    "replicated_deduplication_window = 100000,\n"
    "    replicated_deduplication_window_seconds = 604800"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the tables live.

    Attributes:
        kind: `single` for chDB and one server, `cluster` for replicas and shards of one's own,
            `cloud` for ClickHouse Cloud.
        database: The database of all tables.
        cluster: Name of the cluster; only for `cluster`.
        time_zone: IANA name of the zone whose days the rollups keep.
        attribution: Which owners are allowed, and what they were called when lines were written.

    Raises:
        BadSettings: A name is no identifier, the zone is unknown, or `cluster` does not fit.
    """

    kind: LayoutKind = "single"
    database: str = "costattr"
    cluster: str = ""
    time_zone: str = "UTC"
    attribution: Schema = NO_SCHEMA

    def __post_init__(self) -> None:
        for what, value in (("database", self.database), ("cluster", self.cluster or "none")):
            if not _IDENTIFIER.fullmatch(value):
                raise BadSettings(f"{what} {value!r}: use letters, digits, '_' and '-'")
        if (self.kind == "cluster") != bool(self.cluster):
            raise BadSettings("a cluster name goes with the layout 'cluster', and only with it")
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, KeyError) as error:
            raise BadSettings(
                f"reporting time zone {self.time_zone!r} is unknown: "
                "use an IANA name such as Europe/Berlin"
            ) from error

    def writes_to(self, table: str) -> str:
        """Name the table that takes inserts: on a cluster the one on this shard."""
        return f"{table}_local" if self.kind == "cluster" else table


def folder() -> Path:
    """Find `clickhouse/`: inside the installed package, or beside it in a source tree."""
    here = Path(__file__).resolve().parent
    installed = here / "clickhouse"
    return installed if installed.is_dir() else here.parents[1] / "clickhouse"


def render(text: str, layout: Layout) -> tuple[str, ...]:
    """Render one migration into the statements that a layout needs.

    Args:
        text: The text of the file: one statement with markers.
        layout: What to render for.

    Returns:
        The statement; for a table on a cluster a second one that reads all shards.
    """
    statement = _TIME_ZONE.sub(f"'{layout.time_zone}'", text)
    if layout.kind != "single":
        statement = _DEDUP.sub(_REPLICATED_WINDOW, statement)
    if layout.kind == "cloud":
        statement = _DISK.sub("", statement)
    if layout.kind != "cluster":
        return (_plain(statement),)
    statement = _ENGINE.sub(r"Replicated\1", statement)
    statement = statement.replace("/*{local}*/", "_local")
    statement = statement.replace("/*{on_cluster}*/", f"ON CLUSTER '{layout.cluster}'")
    everywhere = (_distributed(found[1], layout) for found in _TABLE.finditer(text))
    return (_plain(statement), *everywhere)


def _plain(statement: str) -> str:
    return _MARKER.sub("", statement).strip()


def _distributed(table: str, layout: Layout) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {table} ON CLUSTER '{layout.cluster}' AS {table}_local\n"
        f"ENGINE = Distributed('{layout.cluster}', '{layout.database}', '{table}_local')"
    )
