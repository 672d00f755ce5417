"""What people ask: the guard lets all of it pass, and it means what it says."""

from __future__ import annotations

import json

import pytest
from otel_costattr_collector import store as stores
from otel_costattr_collector.sql import Engine, SqlError
from otel_costattr_collector.sql.guard import TABLE_FUNCTIONS, _functions
from otel_costattr_collector.sql.tables import INTERNAL, READABLE
from sql.conftest import DATABASE, Ask

QUESTIONS = (
    "SELECT tenant, sum(amount_usd) AS usd FROM ledger GROUP BY tenant ORDER BY usd DESC LIMIT 10",
    f"SELECT count() FROM {DATABASE}.ledger;",
    "-- by day\nSELECT toDate(event_ns) AS day, /* USD */ sum(amount_usd) FROM ledger GROUP BY day",
    (
        "SELECT toStartOfInterval(toDateTime(event_ns), INTERVAL 60 second) AS time, feature,"
        " sum(calls) FROM ledger WHERE event_ns >= toDateTime(1790000000) AND event_ns <="
        " toDateTime(1790003600) GROUP BY time, feature ORDER BY time WITH FILL STEP 60"
    ),
    (
        "SELECT quantile(0.95)(duration_ns), quantiles(0.5, 0.9)(duration_ns), avgIf(duration_ns,"
        " status = 'priced'), uniqExact(session), countIf(amount_usd IS NULL) FROM ledger"
    ),
    "SELECT count() FILTER (WHERE tenant = ''), argMax(model, event_ns) FROM ledger",
    (
        "WITH per AS (SELECT tenant, sum(amount_usd) AS usd FROM ledger GROUP BY tenant)"
        " SELECT tenant, usd / (SELECT sum(usd) FROM per) FROM per"
    ),
    (
        "SELECT tenant, sum(amount_usd) OVER (PARTITION BY tenant ORDER BY event_ns ROWS BETWEEN 6"
        " PRECEDING AND CURRENT ROW), row_number() OVER w FROM ledger WINDOW w AS (ORDER BY tenant)"
    ),
    "SELECT * FROM ledger AS a LEFT JOIN spend_by_tenant_day AS b ON a.tenant = b.tenant LIMIT 1",
    "SELECT tenant FROM ledger WHERE tenant IN (SELECT tenant FROM spend_by_tenant_day)",
    "SELECT tenant FROM ledger WHERE model IN ('a', 'b') AND feature NOT IN ['x']",
    "SELECT tags['plan'] AS plan, mapKeys(tags) FROM ledger LIMIT 1 BY plan",
    "SELECT arrayMap((k, v) -> concat(k, '=', v), mapKeys(tags), mapValues(tags)) FROM ledger",
    "SELECT r FROM ledger ARRAY JOIN reasons AS r",
    "SELECT * EXCEPT (tags) REPLACE (upper(tenant) AS tenant) FROM ledger",
    "SELECT COLUMNS('^price_') FROM ledger",
    "SELECT tenant FROM ledger GROUP BY tenant WITH ROLLUP",
    "SELECT tenant, feature, grouping(tenant) FROM ledger GROUP BY GROUPING SETS ((tenant), (feature))",
    "SELECT DISTINCT ON (tenant) tenant, model FROM ledger",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT 1 EXCEPT SELECT 2",
    "SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END, if(1, 2, 3), coalesce(NULL, 1), 1 ? 2 : 3",
    "SELECT formatDateTime(now(), '%Y-%m-%d'), toTimeZone(now(), 'Asia/Kolkata'), dateDiff('day', today(), yesterday())",
    "SELECT toDecimal128('1.5', 12) * 2, round(1.25, 1), CAST('1' AS Nullable(UInt8)), '1'::Int8",
    "SELECT JSONExtractString('{\"a\":\"b\"}', 'a'), extractAll('a1b2', '[0-9]'), match('a', 'a')",
    "SELECT exists(SELECT 1), (SELECT max(tenant) FROM ledger)",
    "SELECT number FROM numbers(3)",
    "SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'))",
    'SELECT 1 AS "Cost (USD)", 2 AS `a b.c`, 3 AS größe_x'.replace("größe_x", "`größe`"),
    "SELECT 'FORMAT JSON', 'SETTINGS a = 1; DROP TABLE x', 'it''s', '\\'', 'file(1)'",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT max(n) FROM r",
    "SELECT version(), timezone(), currentDatabase()",
    "SELECT * FROM system.one",
    "SELECT name, type, comment FROM system.columns WHERE database = currentDatabase()",
    "SELECT name, value, readonly FROM system.settings LIMIT 10",
    "SELECT name FROM system.functions LIMIT 3",
    "DESCRIBE TABLE ledger",
    f'DESC TABLE "{DATABASE}"."ledger"',
    "DESCRIBE (SELECT tenant, sum(amount_usd) FROM ledger GROUP BY tenant)",
    "EXISTS TABLE ledger",
    f"EXISTS {DATABASE}.ledger",
    "SHOW CREATE TABLE ledger",
    "SHOW DATABASES",
    f'SHOW TABLES FROM "{DATABASE}"',
    "SELECT tenant FROM ledger SETTINGS max_execution_time = 60, limit = 5",
    "SELECT tenant FROM ledger LIMIT 5 SETTINGS max_threads = 1 FORMAT JSON",
    "SELECT tenant FROM ledger LIMIT 5 FORMAT JSON SETTINGS join_use_nulls = 1;",
    f"SELECT tenant FROM ledger SETTINGS additional_table_filters = {{'{DATABASE}.ledger': ' tenant = \\'a\\' AND model IN (\\'x\\') '}}",
)


@pytest.mark.parametrize("sql", QUESTIONS)
def test_a_fair_question_is_answered(ask: Ask, sql: str) -> None:
    """Dashboards and people ask such things."""
    ask(sql)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT 1 + 1", "2\n"),
        ("SELECT 'a''b\\n;c'", "a\\'b\\n;c\n"),
        ("SELECT number FROM numbers(9) SETTINGS limit = 2", "0\n1\n"),
        ("SELECT number FROM numbers(9) ORDER BY number DESC SETTINGS limit = 2", "8\n7\n"),
        ("SELECT number FROM numbers(9) SETTINGS `limit` = 1, offset = 3", "3\n"),
        ("SELECT 1 AS x FORMAT JSONEachRow", '{"x":1}\n'),
        ("EXISTS TABLE ledger", "1\n"),
        ("EXISTS TABLE vault", "0\n"),
        ("SHOW DATABASES", f"{DATABASE}\n"),
        ("SHOW TABLES", "".join(f"{table}\n" for table in sorted(READABLE))),
        ("SELECT currentDatabase()", f"{DATABASE}\n"),
    ],
)
def test_an_answer_is_the_engines(ask: Ask, sql: str, answer: str) -> None:
    """The guard rewrites the spelling, never the meaning."""
    assert ask(sql) == answer


@pytest.mark.parametrize(
    ("sql", "value", "answer"),
    [
        ("SELECT {x:String}", "it\\'s; DROP", "it\\'s; DROP\n"),
        ("SELECT {x:UInt8} + 1", "41", "42\n"),
        ("SELECT {x:Array(String)}", "['a','b']", "['a','b']\n"),
        ("SELECT {x:Nullable(String)} IS NULL", "\\N", "1\n"),
        ("SELECT count() FROM {x:Identifier}", "ledger", "0\n"),
        ("SELECT count() FROM ledger WHERE {x:Identifier} = 'a'", "tenant", "0\n"),
    ],
)
def test_parameters_are_bound_by_the_engine(ask: Ask, sql: str, value: str, answer: str) -> None:
    """Values never become part of the text."""
    assert ask(sql, {"x": value}) == answer


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("", 62, "SYNTAX_ERROR"),
        ("SELECT nope", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELECT {x:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
        ("SELECT toUInt8('a')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 FORMAT Nope", 73, "UNKNOWN_FORMAT"),
        ("SELECT 1 SETTINGS session_timezone = 'Mars/X'", 36, "BAD_ARGUMENTS"),
    ],
)
def test_errors_keep_the_engines_code_and_name(ask: Ask, sql: str, code: int, name: str) -> None:
    """A client sees what a ClickHouse server would have told it."""
    with pytest.raises(SqlError) as failed:
        ask(sql)

    assert (failed.value.code, failed.value.name) == (code, name)
    assert "formatQuery" not in str(failed.value)


def test_settings_beside_the_query_are_taken_where_they_are_known(ask: Ask) -> None:
    """A URL carries many settings; those that we know count, the others mean nothing."""
    asked = {"output_format_json_quote_64bit_integers": "1", "wait_end_of_query": "1", "x": "y"}

    answer = json.loads(ask("SELECT toUInt64(7) AS n FORMAT JSON", {}, asked))

    assert answer["data"] == [{"n": "7"}]


def test_a_later_query_sees_nothing_of_an_earlier_ones_settings(ask: Ask) -> None:
    """Each query runs on a handle of its own."""
    ask("SELECT 1 SETTINGS session_timezone = 'Asia/Tokyo', limit = 1")

    assert ask("SELECT timezone()") != "Asia/Tokyo\n"
    assert ask("SELECT count() FROM (SELECT number FROM numbers(5))") == "5\n"


def test_each_table_of_the_schema_is_readable_or_internal(store: stores.Store) -> None:
    """A new table is hidden until somebody decides that users may read it."""
    found = store.query("SELECT name FROM system.tables WHERE database = currentDatabase()")

    assert {row[0] for row in found.rows} == READABLE | INTERNAL


def test_each_function_on_the_list_exists(engine: Engine) -> None:
    """The list has no typing errors."""
    by_the_parser = {"lambda", "exists", "grouping", "_cast"}

    assert _functions() - engine.known_functions <= by_the_parser


@pytest.mark.parametrize(
    "name",
    [
        "file",
        "url",
        "s3",
        "remote",
        "remotesecure",
        "merge",
        "cluster",
        "executable",
        "input",
        "dictget",
        "dicthas",
        "joinget",
        "joingetornull",
        "hascolumnintable",
        "getsetting",
        "getserversetting",
        "getmacro",
        "hostname",
        "fqdn",
        "displayname",
        "showcertificate",
        "filesystemavailable",
        "filesystemcapacity",
        "sleep",
        "sleepeachrow",
        "logtrace",
        "addresstoline",
        "addresstosymbol",
        "demangle",
        "catboostevaluate",
        "evalmlmethod",
        "chdb",
        "generateserialid",
        "getclienthttpheader",
        "currentrequesturl",
        "structuretocapnprotoschema",
        "aigenerate",
        "aiembed",
        "eval",
        "viewexplain",
        "python",
        "formatrow",
        "flamegraph",
        "connectionid",
        "currentuser",
        "serveruuid",
        "transactionid",
        "timeseriesstoretags",
        "globalvariable",
    ],
)
def test_what_reaches_outside_is_on_no_list(name: str) -> None:
    """Whoever adds functions to the list in bulk is stopped here."""
    assert name not in _functions() | TABLE_FUNCTIONS
