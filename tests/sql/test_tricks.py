"""None of the tricks in `tricks` gets out of the box, and what takes too much is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel_costattr_collector.sql import READABLE, Engine, Guard, SqlError
from sql.conftest import DATABASE, LIMITS, NOTHING, SECRET, Ask
from sql.tricks import ENDINGS, REFUSED

GUARD_CODES = {62, 73, 164, 497}


@pytest.mark.parametrize("sql", REFUSED)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_each_trick_is_refused_by_the_guard(ask: Ask, sql: str) -> None:
    """None of these reaches the engine as a query."""
    with pytest.raises(SqlError) as refused:
        ask(sql)

    assert refused.value.code in GUARD_CODES, str(refused.value)


class TreeAlone:
    """The engine without its list of functions, so that the guard has its tree alone."""

    known_functions = frozenset[str]()

    def __init__(self, engine: Engine) -> None:
        self.canonical = engine.canonical
        self.printed_tree = engine.printed_tree
        self.existing = engine.existing


def test_the_tree_alone_shows_each_trick(engine: Engine) -> None:
    """The look at the text is a second lock: the first one holds without it."""
    guard = Guard(TreeAlone(engine), database=DATABASE, tables=READABLE, limits=LIMITS)

    for sql in REFUSED:
        with pytest.raises(SqlError) as refused:
            guard.admit(sql, parameters=NOTHING, asked=NOTHING, default_format="TSV")
        assert refused.value.code in GUARD_CODES, sql


def test_nothing_was_written_by_the_tricks(ask: Ask) -> None:
    """INTO OUTFILE leaves no file, not even an empty one."""
    for sql in ENDINGS:
        with pytest.raises(SqlError):
            ask(sql)

    assert not Path("/tmp/costattr-trick").exists()


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT * FROM {x:Identifier}", "vault"),
        ("SELECT * FROM {x:Identifier}", f"{DATABASE}.vault"),
        ("SELECT * FROM {x:Identifier}.processes", "system"),
        (f"SELECT * FROM {DATABASE}.{{x:Identifier}}", "vault"),
        ("SELECT 'a' IN {x:Identifier}", "vault"),
        ("SELECT {x:Identifier} FROM ledger", "tenant)\n    Identifier y (alias z"),
        ("SELECT {x:Identifier} FROM ledger", "file('/etc/passwd')"),
        ("DESCRIBE TABLE {x:Identifier}", "vault"),
    ],
)
def test_a_parameter_reaches_nothing_that_the_text_may_not(ask: Ask, sql: str, value: str) -> None:
    """Parameters are filled in before the tree is checked."""
    with pytest.raises(SqlError) as refused:
        ask(sql, {"x": value})

    assert refused.value.code in GUARD_CODES


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM system.tables",
        "SELECT * FROM system.tables AS t LEFT JOIN system.columns AS c ON c.table = t.name",
        "WITH t AS (SELECT * FROM system.tables) SELECT * FROM t",
        "SELECT groupArray(name) FROM (SELECT name FROM system.tables UNION ALL SELECT table FROM system.columns)",
        "SELECT table_name FROM information_schema.tables",
        "SELECT table_name FROM INFORMATION_SCHEMA.COLUMNS",
        "SHOW TABLES",
        f"SHOW TABLES FROM {DATABASE}",
        "SHOW TABLES FROM system",
        "SHOW CREATE TABLE vault",
        "SELECT * FROM vaul",
    ],
)
def test_hidden_tables_are_not_even_named(ask: Ask, sql: str) -> None:
    """What lists tables lists those that may be read; hints in errors do not name others."""
    try:
        told = ask(sql)
    except SqlError as error:
        told = str(error).replace(sql, "")

    assert "vault" not in told
    assert "schema_migrations" not in told


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("SELECT count() FROM numbers(1000000000000)", {158, 159}),
        (
            "SELECT count() FROM numbers(40000000) AS a CROSS JOIN numbers(40000000) AS b",
            {158, 159, 241},
        ),
        ("SELECT groupArray(number) FROM numbers(500000000)", {159, 241}),
        ("SELECT uniqExact(number) FROM numbers(1000000000)", {159, 241}),
        ("SELECT number FROM numbers(1000000)", {396}),
        ("SELECT repeat('x', 1000000000)", {131, 241, 396}),
        ("SELECT length(range(1000000000))", {69, 128, 241}),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT sum(n) FROM r",
            {159, 306},
        ),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, {62, 167, 168, 306, 497}),
        ("SELECT " + ", ".join(["1"] * 9000), {62, 168, 223}),
        ("SELECT 1 /* " + "x" * 30_000 + " */", {223}),
    ],
    ids=[
        "rows",
        "product",
        "memory",
        "states",
        "result rows",
        "result bytes",
        "array",
        "recursion",
        "depth",
        "width",
        "length",
    ],
)
def test_a_query_that_takes_too_much_is_stopped(ask: Ask, sql: str, codes: set[int]) -> None:
    """Time, memory, rows, depth and length of a query are capped."""
    with pytest.raises(SqlError) as stopped:
        ask(sql)

    assert stopped.value.code in codes, str(stopped.value)


def test_a_user_cannot_raise_a_cap(ask: Ask) -> None:
    """Asking for more, or for no limit, gives our limit."""
    asked = {"max_execution_time": "0", "max_memory_usage": "0", "max_rows_to_read": "nan"}

    for settings in ("", " SETTINGS max_execution_time = 1000, max_result_rows = 0"):
        with pytest.raises(SqlError) as stopped:
            ask("SELECT count() FROM numbers(100000000000)" + settings, {}, asked)
        assert stopped.value.code in {158, 159}


def test_a_handle_that_runs_queries_can_change_nothing(engine: Engine) -> None:
    """Even a statement that the guard never saw meets readonly=1."""
    with engine._handle({"max_threads": "1"}) as handle:
        for sql in ("SET readonly = 0", "SET max_threads = 9", "INSERT INTO vault VALUES ('x')"):
            with pytest.raises(Exception, match="READONLY"):
                handle.query(sql, "Null")


def test_the_secret_is_there_for_whoever_may_read_it(engine: Engine) -> None:
    """The tests above would prove nothing if the hidden table were empty."""
    with engine._handle({}) as handle:
        assert SECRET in handle.query("SELECT * FROM vault", "TSV").bytes().decode()
