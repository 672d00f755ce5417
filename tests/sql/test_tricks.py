"""What people try in order to get out of the box, one row each."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel_costattr_collector.sql import READABLE, Engine, Guard, SqlError
from sql.conftest import DATABASE, LIMITS, NOTHING, SECRET, Ask

FILES = (
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT file /* a comment */ ('/etc/passwd')",
    "SELECT file--x\n('/etc/passwd')",
    "SELECT file($$/etc/passwd$$)",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "WITH x AS (SELECT file('/etc/passwd')) SELECT * FROM x",
    "WITH file('/etc/passwd') AS x SELECT x",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT arrayFilter(x -> length(file(x)) > 1, ['/etc/passwd'])",
    "SELECT * FROM view(SELECT file('/etc/passwd'))",
    "SELECT * FROM (SELECT file('/etc/passwd'))",
    "SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))",
    "SELECT 1 INTERSECT SELECT length(file('/etc/passwd'))",
    "SELECT (SELECT file('/etc/passwd'))",
    "SELECT 1 WHERE 1 IN (SELECT length(file('/etc/passwd')))",
    "SELECT 1 IN file('/etc/passwd')",
    "SELECT CAST(file('/etc/passwd') AS String)",
    "SELECT file('/etc/passwd')::String",
    "SELECT if(1, file('/etc/passwd'), '')",
    "SELECT CASE WHEN 1 THEN file('/etc/passwd') END",
    "SELECT [file('/etc/passwd')]",
    "SELECT (file('/etc/passwd'), 1)",
    "SELECT map('a', file('/etc/passwd'))",
    "SELECT sum(1) OVER (PARTITION BY file('/etc/passwd'))",
    "SELECT sum(1) OVER w WINDOW w AS (ORDER BY file('/etc/passwd'))",
    "SELECT count() FILTER (WHERE file('/etc/passwd') != '')",
    "SELECT * REPLACE (file('/etc/passwd') AS tenant) FROM ledger",
    "SELECT * APPLY(file) FROM ledger",
    "SELECT COLUMNS('tenant') APPLY(x -> file(x)) FROM ledger",
    "SELECT tenant FROM ledger WHERE tenant = file('/etc/passwd')",
    "SELECT tenant FROM ledger PREWHERE tenant = file('/etc/passwd')",
    "SELECT tenant FROM ledger GROUP BY tenant HAVING file('/etc/passwd') = ''",
    "SELECT tenant FROM ledger QUALIFY file('/etc/passwd') = ''",
    "SELECT tenant FROM ledger ORDER BY file('/etc/passwd')",
    "SELECT tenant FROM ledger ORDER BY tenant WITH FILL FROM file('/etc/passwd')",
    "SELECT 1 AS x ORDER BY x WITH FILL INTERPOLATE (x AS length(file('/etc/passwd')))",
    "SELECT tenant FROM ledger LIMIT 1 BY file('/etc/passwd')",
    "SELECT tenant FROM ledger LIMIT length(file('/etc/passwd'))",
    "SELECT tenant FROM ledger ARRAY JOIN [file('/etc/passwd')] AS x",
    "SELECT 1 FROM ledger JOIN (SELECT file('/etc/passwd') AS x) AS y ON y.x = tenant",
    "SELECT 1 FROM ledger AS a JOIN ledger AS b ON a.tenant = file(b.tenant)",
    "SELECT 1 GROUP BY GROUPING SETS ((file('/etc/passwd')))",
    "SELECT 1 FROM numbers(length(file('/etc/passwd')))",
    "SELECT arrayReduce('sum', [length(file('/etc/passwd'))])",
    "SELECT INTERVAL length(file('/etc/passwd')) DAY",
    "FROM ledger |> SELECT file('/etc/passwd')",
    "DESCRIBE TABLE file('/etc/passwd')",
    "DESCRIBE (SELECT * FROM file('/etc/passwd'))",
)
TABLE_FUNCTIONS = (
    "merge('.*')",
    f"merge('{DATABASE}', 'vault')",
    "merge(REGEXP('.*'), 'vault')",
    f"mergeTreeIndex('{DATABASE}', 'vault')",
    f"mergeTreeProjection('{DATABASE}', 'vault', 'x')",
    f"loop('{DATABASE}', 'vault')",
    f"loop({DATABASE}.vault)",
    "url('http://169.254.169.254/latest/meta-data', 'LineAsString')",
    "urlCluster('default', 'http://127.0.0.1', 'LineAsString')",
    "s3('http://127.0.0.1/x', 'CSV')",
    "gcs('http://127.0.0.1/x', 'CSV')",
    "azureBlobStorage('http://127.0.0.1', 'a', 'b', 'c', 'd')",
    "hdfs('hdfs://127.0.0.1/x', 'CSV')",
    "deltaLake('http://127.0.0.1/x')",
    "iceberg('http://127.0.0.1/x')",
    f"remote('127.0.0.1', {DATABASE}.vault)",
    f"remoteSecure('127.0.0.1', {DATABASE}.vault)",
    f"cluster('default', {DATABASE}.vault)",
    f"clusterAllReplicas('default', {DATABASE}.vault)",
    "executable('id', 'CSV', 'x String')",
    "input('x String')",
    "mysql('127.0.0.1:3306', 'a', 'b', 'c', 'd')",
    "postgresql('127.0.0.1:5432', 'a', 'b', 'c', 'd')",
    "mongodb('127.0.0.1:27017', 'a', 'b', 'c', 'd')",
    "redis('127.0.0.1:6379', 'k', 'k String')",
    "sqlite('/tmp/x.db', 't')",
    "odbc('DSN=x', 'a', 'b')",
    "jdbc('jdbc:x', 'a', 'b')",
    "dictionary('d')",
    "generateRandom('x String')",
    "fuzzJSON('{}')",
    "fuzzQuery('SELECT 1')",
    "eval('SELECT 1')",
    "viewIfPermitted(SELECT 1 ELSE null('x Int'))",
    "viewExplain('EXPLAIN', '', (SELECT 1))",
    "python(x)",
    "filesystem('/etc')",
    "fileCluster('default', '/etc/passwd', 'CSV')",
    "zeros(10)",
    "numbers_mt(10)",
)
FUNCTIONS = (
    "dictGet('d', 'x', 1)",
    "dictHas('d', 1)",
    "joinGet('vault', 'secret', 1)",
    f"hasColumnInTable('{DATABASE}', 'vault', 'secret')",
    "getSetting('max_threads')",
    "getServerSetting('max_server_memory_usage')",
    "getMacro('x')",
    "hostName()",
    "fqdn()",
    "displayName()",
    "tcpPort()",
    "currentUser()",
    "serverUUID()",
    "showCertificate()",
    "filesystemAvailable()",
    "sleep(3)",
    "sleepEachRow(3)",
    "logTrace('x')",
    "addressToLine(1)",
    "demangle('x')",
    "catboostEvaluate('/x', 1)",
    "evalMLMethod(1, 2)",
    "naiveBayesClassifier('x', 'y')",
    "regionToName(toUInt32(1))",
    "aiGenerate('x')",
    "AIGenerate('x')",
    "chdb()",
    "formatQuery('SELECT 1')",
    "getClientHTTPHeader('authorization')",
    "currentRequestURL()",
    "generateSerialID('x')",
    "fuzzBits('a', 0.1)",
    "randomString(1000000000)",
    "globalVariable('version')",
    "nested(['a'], [1])",
    "zookeeperSessionUptime()",
    "an_invented_function()",
)
TABLES = (
    "vault",
    "`vault`",
    f"{DATABASE}.vault",
    f"`{DATABASE}`.`vault`",
    "schema_migrations",
    "spend_by_tenant_day_feed",
    "default.vault",
    "system.processes",
    "system.query_log",
    "system.users",
    "system.parts",
    "system.clusters",
    "system.numbers",
    "system.zeros",
    "system.contributors",
    "system.build_options",
    "system.environment_variables",
    "system.named_collections",
    "system.server_settings",
    "system.disks",
    "information_schema.schemata",
    "INFORMATION_SCHEMA.views",
)
STATEMENTS = (
    "SYSTEM STOP MERGES",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "KILL MUTATION WHERE 1",
    "USE system",
    "SET readonly = 0",
    "SET max_threads = 1",
    "SET param_x = 1",
    "INSERT INTO ledger (tenant) VALUES ('x')",
    "INSERT INTO ledger SELECT * FROM ledger",
    "INSERT INTO FUNCTION file('/tmp/x', 'CSV') SELECT 1",
    "INSERT INTO ledger FROM INFILE '/etc/passwd' FORMAT CSV",
    "CREATE TABLE x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE ledger (a Int8)",
    "CREATE VIEW x AS SELECT 1",
    "CREATE FUNCTION x AS a -> file(a)",
    "CREATE DICTIONARY x (a Int8) PRIMARY KEY a SOURCE(FILE(PATH '/etc/passwd' FORMAT 'CSV'))",
    "CREATE USER x",
    "CREATE NAMED COLLECTION x AS a = 1",
    "ALTER TABLE ledger DELETE WHERE 1",
    "ALTER TABLE ledger DROP COLUMN tenant",
    "DELETE FROM ledger WHERE 1",
    "UPDATE ledger SET tenant = 'x' WHERE 1",
    "DROP TABLE ledger",
    f"DROP DATABASE {DATABASE}",
    "TRUNCATE TABLE ledger",
    "RENAME TABLE ledger TO x",
    "EXCHANGE TABLES ledger AND vault",
    "DETACH TABLE ledger",
    "ATTACH TABLE ledger",
    "UNDROP TABLE ledger",
    "OPTIMIZE TABLE ledger FINAL",
    "CHECK TABLE ledger",
    "BACKUP TABLE ledger TO File('/tmp/x')",
    "RESTORE TABLE ledger FROM File('/tmp/x')",
    "GRANT ALL ON *.* TO x",
    "BEGIN TRANSACTION",
    "EXECUTE AS x SELECT 1",
    "EXPLAIN SELECT 1",
    "EXPLAIN AST SELECT 1",
    "EXPLAIN PLAN SELECT 1",
    "EXPLAIN ESTIMATE SELECT 1 FROM vault",
    "EXPLAIN TABLE OVERRIDE mysql('', '', '', '') PARTITION BY x",
    "SELECT 1 PARALLEL WITH SELECT 2",
    "SHOW PROCESSLIST",
    "SHOW CLUSTERS",
    "SHOW SETTINGS LIKE '%'",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW DICTIONARIES",
    "SHOW COLUMNS FROM vault",
    "SHOW INDEX FROM vault",
    "SHOW FUNCTIONS",
    "SHOW ENGINES",
    "SHOW TABLES LIKE '%'",
    f"SHOW CREATE DATABASE {DATABASE}",
    "EXISTS DATABASE system",
    "EXISTS DICTIONARY x",
    "DESCRIBE TABLE vault",
    "DESCRIBE TABLE system.processes",
)
SEVERAL = (
    "SELECT 1; SELECT 2",
    "SELECT 1; SYSTEM STOP MERGES",
    "SELECT 1;\nDROP TABLE ledger;",
    "SELECT 1 /* ; */; SELECT 2",
    "SELECT 1 -- \n; SELECT 2",
    ";;SELECT 1; SELECT 2",
    "SELECT 1 FORMAT JSON; SELECT 2",
    "INSERT INTO ledger VALUES (1); SELECT 2",
)
ENDINGS = (
    "SELECT 1 INTO OUTFILE '/tmp/costattr-trick'",
    "SELECT 1 INTO OUTFILE '/tmp/costattr-trick' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '/tmp/costattr-trick' TRUNCATE COMPRESSION 'gz' FORMAT CSV",
    "SELECT 1 INTO/**/OUTFILE '/tmp/costattr-trick' AND STDOUT",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '/tmp/costattr-trick'",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_block_size = 1",
    "SELECT 1 SETTINGS allow_introspection_functions = 1",
    "SELECT 1 SETTINGS output_format_schema = '/tmp/costattr-trick'",
    "SELECT 1 FORMAT CSV SETTINGS max_block_size = 1",
    "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1)",
    "WITH x AS (SELECT 1 SETTINGS max_execution_time = 0) SELECT * FROM x",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT Protobuf",
    "SELECT 1 FORMAT CapnProto",
    "SELECT 1 FORMAT Npy",
    "SELECT 1 SETTINGS additional_table_filters = {'system.tables': '1'}",
    f"SELECT 1 SETTINGS additional_table_filters = {{'{DATABASE}.vault': '1'}}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': 'file(\\'/etc/passwd\\') = 1'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': '1) SETTINGS readonly = 0 --'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': '1), (2'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': '1) UNION ALL SELECT (2'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': '1) FROM ledger WHERE (2'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': '1) FORMAT JSON --'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger'}",
    "SELECT 1 SETTINGS additional_table_filters = {'ledger': 'tenant IN (SELECT secret FROM vault)'}",
)
HIDDEN_NAMES = (
    "WITH vault AS (SELECT 1) SELECT * FROM vault",
    "SELECT * FROM vault WHERE 1 IN (WITH vault AS (SELECT 1) SELECT * FROM vault)",
    "SELECT 'x' IN vault",
    "SELECT 'x' NOT IN vault",
    "SELECT 'x' GLOBAL IN vault",
    f"SELECT 'x' IN {DATABASE}.vault",
    "SELECT in('x', vault)",
    f"SELECT notIn('x', {DATABASE}.vault)",
    "SELECT nullIn('x', vault)",
    "SELECT 'x' IN system.processes",
    "SELECT 1 FROM ledger AS a, vault AS b",
    "SELECT 1 FROM ledger CROSS JOIN vault",
    "SELECT (SELECT any(secret) FROM vault)",
    "SELECT exists(SELECT * FROM vault)",
    "SELECT `a\nb` FROM ledger",
    "SELECT 1 AS `x)\n    TableIdentifier ledger (alias y`",
)
REFUSED = (
    *FILES,
    *(f"SELECT * FROM {call}" for call in TABLE_FUNCTIONS),
    *(f"SELECT {call}" for call in FUNCTIONS),
    *(f"SELECT * FROM {table}" for table in TABLES),
    *STATEMENTS,
    *SEVERAL,
    *ENDINGS,
    *HIDDEN_NAMES,
)
GUARD_CODES = {62, 73, 164, 497}


@pytest.mark.parametrize("sql", REFUSED)
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
