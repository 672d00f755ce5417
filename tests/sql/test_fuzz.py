"""The guard under arbitrary input: forbidden things in any wrapping, any text at all."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.sql import Guard, SqlError
from otel_costattr_collector.sql.tokens import quote, tokens_of, unquote
from otel_costattr_collector.sql.tree import read_tree
from sql.conftest import DATABASE, NOTHING, SECRET, Ask

FUZZ = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

FORBIDDEN_EXPRESSIONS = (
    "file('/etc/passwd')",
    "getSetting('max_threads')",
    "dictGet('d', 'x', 1)",
    "joinGet('vault', 'secret', 1)",
    f"hasColumnInTable('{DATABASE}', 'vault', 'secret')",
    "hostName()",
    "sleep(1)",
    "(SELECT any(secret) FROM vault)",
    f"(SELECT any(secret) FROM {DATABASE}.vault)",
    "(SELECT count() FROM url('http://127.0.0.1', 'CSV'))",
    f"(SELECT count() FROM merge('{DATABASE}', '.*'))",
    "(SELECT count() FROM system.processes)",
    "('x' IN vault)",
    f"notIn('x', {DATABASE}.vault)",
)
EXPRESSION_WRAPPERS = (
    "({})",
    "toString({})",
    "[{}]",
    "({}, 1)",
    "map('k', {})",
    "if(1, {}, NULL)",
    "CASE WHEN 1 THEN {} ELSE 0 END",
    "arrayMap(x -> {}, [1])",
    "arrayFold((a, x) -> {}, [1], 1)",
    "(SELECT {})",
    "(WITH {} AS w SELECT w)",
    "CAST({} AS Nullable(String))",
    "{} AS renamed",
    "materialize({})",
    "count() FILTER (WHERE {} = 1)",
    "sumIf(1, {} = 1)",
    "sum(1) OVER (PARTITION BY {})",
    "sum(1) OVER (ORDER BY {} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "exists(SELECT {})",
    "(1 IN (SELECT {}))",
    "coalesce(NULL, {})",
    "({}).1",
    "[{}][1]",
    "NOT {}",
    "{} BETWEEN 1 AND 2",
    "{} IS NULL",
    "{} LIKE 'a'",
    "quantile(0.5)({})",
    "arrayJoin([{}])",
    "INTERVAL {} DAY",
)
QUERY_WRAPPERS = (
    "SELECT {}",
    "SELECT 1 WHERE {} = 1",
    "SELECT tenant FROM ledger PREWHERE {} = 1",
    "SELECT tenant FROM ledger GROUP BY tenant HAVING {} = 1",
    "SELECT tenant FROM ledger QUALIFY {} = 1",
    "SELECT tenant FROM ledger ORDER BY {}",
    "SELECT tenant FROM ledger GROUP BY {}",
    "SELECT tenant FROM ledger GROUP BY GROUPING SETS ((tenant), ({}))",
    "SELECT tenant FROM ledger LIMIT 1 BY {}",
    "SELECT tenant FROM ledger LIMIT {}",
    "SELECT tenant FROM ledger LIMIT 1 OFFSET {}",
    "SELECT tenant FROM ledger ARRAY JOIN [{}] AS x",
    "SELECT 1 FROM ledger AS a JOIN ledger AS b ON a.tenant = {}",
    "SELECT * REPLACE ({} AS tenant) FROM ledger",
    "SELECT 1 AS x ORDER BY x WITH FILL FROM {} TO 3",
    "SELECT 1 AS x ORDER BY x WITH FILL INTERPOLATE (x AS {})",
    "SELECT 1 FROM numbers({})",
    "SELECT * FROM values('a UInt8', {})",
    "WITH c AS (SELECT {} AS v) SELECT v FROM c",
    "WITH {} AS v SELECT v",
    "SELECT 1 UNION ALL SELECT {}",
    "SELECT 1 EXCEPT (SELECT 1 INTERSECT SELECT {})",
    "SELECT * FROM (SELECT * FROM (SELECT {}))",
    "DESCRIBE (SELECT {})",
    "SELECT 1 SETTINGS additional_table_filters = {{'ledger': {quoted}}}",
)


@st.composite
def forbidden_queries(draw: st.DrawFn) -> str:
    """A query with something forbidden somewhere inside."""
    expression = draw(st.sampled_from(FORBIDDEN_EXPRESSIONS))
    for wrapper in draw(st.lists(st.sampled_from(EXPRESSION_WRAPPERS), max_size=4)):
        expression = wrapper.replace("{}", expression)
    wrapper = draw(st.sampled_from(QUERY_WRAPPERS))
    query = wrapper.replace("{quoted}", quote(expression)).replace("{}", expression)
    return draw(disguised(query.replace("{{", "{").replace("}}", "}")))


@st.composite
def disguised(draw: st.DrawFn, query: str) -> str:
    """The same query with comments, line breaks and clauses at its end."""
    gaps = draw(st.lists(st.sampled_from([" ", "\n", "/* ; */ ", " -- x\n", "\t", " # y\n"])))
    words = query.split(" ")
    spaced = words[0]
    for number, word in enumerate(words[1:]):
        inside_text = spaced.count("'") % 2
        gap = " " if inside_text or number >= len(gaps) else gaps[number]
        spaced += gap + word
    ending = draw(st.sampled_from(["", ";", " FORMAT JSON", " SETTINGS limit = 1", "-- end"]))
    return spaced + ("" if "additional_table_filters" in query else ending)


@FUZZ
@given(sql=forbidden_queries())
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_nothing_forbidden_passes_in_any_wrapping(guard: Guard, sql: str) -> None:
    """However deep it is hidden, it is seen."""
    with pytest.raises(SqlError):
        guard.admit(sql, parameters=NOTHING, asked=NOTHING, default_format="TSV")


PIECES = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "WHERE",
        "WITH",
        "AS",
        "IN",
        "UNION",
        "ALL",
        "JOIN",
        "ON",
        "(",
        ")",
        ",",
        ";",
        "*",
        "'",
        '"',
        "`",
        "[",
        "]",
        "{",
        "}",
        ":",
        "::",
        "->",
        "--",
        "/*",
        "*/",
        "$$",
        "\\",
        "ledger",
        "vault",
        "system",
        "tables",
        "tenant",
        "file",
        "url",
        "merge",
        "numbers",
        "1",
        "'x'",
        "FORMAT",
        "JSON",
        "SETTINGS",
        "limit",
        "=",
        "INTO",
        "OUTFILE",
        "'/tmp/costattr-fuzz'",
        "EXPLAIN",
        "DESCRIBE",
        "SHOW",
        "TABLES",
        "SET",
        "readonly",
        "INSERT",
        "VALUES",
    ]
) | st.text(max_size=3)


@FUZZ
@given(
    pieces=st.lists(PIECES, max_size=25),
    glue=st.sampled_from(["", " ", "\n"]),
    asked=st.dictionaries(
        st.sampled_from(["limit", "max_threads", "session_timezone", "x"]), st.text(max_size=5)
    ),
)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_any_text_is_answered_or_refused_and_tells_no_secret(
    ask: Ask, pieces: list[str], glue: str, asked: dict[str, str]
) -> None:
    """No input makes an error of ours, and none brings out the hidden row."""
    try:
        told = ask(glue.join(pieces), NOTHING, asked)
    except SqlError as error:
        told = str(error)

    assert SECRET not in told


@pytest.mark.no_cover  # the same lines as other tests, many times over
@FUZZ
@given(text=st.text())
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    """A text stays itself on its way through a literal."""
    quoted = quote(text)

    assert unquote(quoted) == text
    assert [token.text for token in tokens_of(quoted)] == [quoted]


@FUZZ
@given(text=st.text(alphabet=" ()\nabcXYZ0123456789:_'", max_size=80))
def test_a_tree_that_does_not_add_up_is_refused(text: str) -> None:
    """Whatever is printed, it is a whole tree or a refusal."""
    try:
        root = read_tree(text)
    except SqlError:
        return
    assert root.kind
