"""The embedded engine as users reach it: one handle to parse, a fresh one for each query.

A query runs on a handle of its own: our settings are set first, `readonly=1` last, and from there
nothing on it can be changed. Opening and closing one takes about 2 ms and leaks nothing; state that
sticks to a handle (`USE`, `SET`) can therefore never reach another user.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .. import lean_chdb
from .errors import SqlError, from_engine
from .guard import SYSTEM_TABLES, Admitted
from .native import Column, empty_block
from .tokens import quote

chdb: Final = lean_chdb.chdb()

_PARSER_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to a query.

    Attributes:
        body: Its bytes in the format that was asked for.
        read_rows: Rows that were read for it.
        read_bytes: Bytes that were read for it.
        elapsed_ns: How long it took, nanoseconds.
    """

    body: bytes
    read_rows: int
    read_bytes: int
    elapsed_ns: int


class Engine:
    """The engine in one folder, for reading.

    Args:
        path: The folder, spelled as the writer of this process spells it.
        database: The database that bare table names mean.
        tables: Its tables that users may see.

    Raises:
        SqlError: The engine cannot be opened there.
    """

    def __init__(self, path: str | Path, *, database: str, tables: Collection[str]) -> None:
        self._path: Final = str(path)
        self.database: Final = database
        self._visible: Final = _visible(database, tables)
        self._lock: Final = threading.Lock()
        self._parser: Final = self._open(
            {"max_query_size": str(_PARSER_BYTES), "max_execution_time": "10", "readonly": "1"}
        )
        functions = self._ask(
            "SELECT lower(name) FROM system.functions UNION ALL"
            " SELECT lower(name) FROM system.table_functions"
        )
        self.known_functions: Final = frozenset(functions.split())
        version, timezone = self._ask("SELECT version(), timezone()").strip().split("\t")
        self.version: Final = version
        self.timezone: Final = timezone

    def close(self) -> None:
        """Close the handle that parses."""
        with self._lock:
            self._parser.close()

    def canonical(self, sql: str) -> str:
        """Return the one statement of `sql` in one spelling, without comments.

        Raises:
            SqlError: It is no single statement; with the engine's own code.
        """
        return self._ask(f"SELECT formatQuerySingleLine(unhex('{_bytes(sql).hex()}'))").strip()

    def printed_tree(self, sql: str, parameters: Mapping[str, str]) -> str:
        """Return what `EXPLAIN AST` prints for a canonical statement; nothing is executed.

        Raises:
            SqlError: A parameter is missing or does not fit its type.
        """
        return self._ask(f"EXPLAIN AST {sql}", parameters)

    def existing(self, names: Collection[str]) -> Collection[str]:
        """Return which of these are tables of our database."""
        listed = ", ".join(quote(name) for name in sorted(names))
        found = self._ask(
            "SELECT name FROM system.tables"
            f" WHERE database = {quote(self.database)} AND name IN ({listed})"
        )
        return found.split("\n")[:-1]

    def run(self, admitted: Admitted, parameters: Mapping[str, str]) -> Result:
        """Return the answer to a query that the guard admitted.

        Args:
            admitted: The query.
            parameters: Name to value of its substitutions, escaped as in a URL's `param_`.

        Raises:
            SqlError: It failed; with the engine's own code.
        """
        with self._handle(admitted.settings) as handle:
            answer = _query(handle, admitted.sql, admitted.format.name, parameters)
            body: bytes = answer.bytes() or b""
            if not body and admitted.format.name == "Native":
                body = self._empty(handle, admitted, parameters)
            return Result(
                body=body,
                read_rows=answer.rows_read(),
                read_bytes=answer.bytes_read(),
                elapsed_ns=int(answer.elapsed() * 1e9),
            )

    @contextlib.contextmanager
    def _handle(self, settings: Mapping[str, str]) -> Iterator[Any]:
        filters = settings.get("additional_table_filters", "")
        visible = f"{{{self._visible}{', ' if filters else ''}{filters}}}"
        handle = self._open({**settings, "additional_table_filters": visible, "readonly": "1"})
        try:
            yield handle
        finally:
            handle.close()

    def _open(self, settings: Mapping[str, str]) -> Any:
        try:
            handle = chdb.connect(self._path)
        except RuntimeError as error:
            raise from_engine(str(error)) from error
        assigned = ", ".join(f"{name} = {quote(value)}" for name, value in settings.items())
        try:
            _query(handle, f"USE {_name(self.database)}", "Null", {})
            _query(handle, f"SET {assigned}", "Null", {})
        except SqlError:
            handle.close()
            raise
        return handle

    def _ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> str:
        with self._lock:
            answer = _query(self._parser, sql, "TSVRaw", parameters or {})
            body: bytes = answer.bytes() or b""
        return body.decode("utf-8", "surrogateescape")

    def _empty(self, handle: Any, admitted: Admitted, parameters: Mapping[str, str]) -> bytes:
        """Return a block without rows: chDB writes nothing, clients want names and types."""
        if not admitted.is_query:
            return b""
        described = _query(handle, f"DESCRIBE TABLE ({admitted.sql})", "TSVRaw", parameters)
        rows = (line.split(b"\t") for line in (described.bytes() or b"").splitlines())
        return empty_block([Column(name=row[0], type=row[1]) for row in rows])


def _query(handle: Any, sql: str, format_name: str, parameters: Mapping[str, str]) -> Any:
    try:
        return handle.query(_bytes(sql), format_name, params=dict(parameters))
    except (RuntimeError, chdb.ChdbError) as error:
        raise from_engine(str(error)) from error


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _visible(database: str, tables: Collection[str]) -> str:
    """Return filters that show of the system tables what users may read."""
    names = ", ".join(quote(table) for table in sorted(tables))
    ours = f"database = {quote(database)}"
    filters = {
        "system.databases": f"name = {quote(database)}",
        "system.tables": f"{ours} AND name IN ({names})",
        "system.columns": f"{ours} AND table IN ({names})",
        "system.functions": "origin = 'System'",
    }
    assert filters.keys() < SYSTEM_TABLES  # noqa: S101 - both tables change together
    return ", ".join(f"{quote(table)}: {quote(text)}" for table, text in filters.items())
