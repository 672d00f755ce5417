"""What a user's query may be: an allow-list over the tree that the engine itself parsed.

Statements: SELECT in all its forms, DESCRIBE, EXISTS, SHOW DATABASES, SHOW TABLES, SHOW CREATE
TABLE. Functions: `functions.txt`. Table functions, tables and node kinds: the tables below. What
is not listed is refused, so a new feature of the engine is closed until somebody opens it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, Protocol

from .asked import settings_of
from .errors import SqlError, denied
from .formats import Format, format_named
from .limits import SqlLimits
from .tokens import Token, clauses_of, quote, tokens_of
from .tree import Node, read_tree

TABLE_FUNCTIONS: Final = frozenset({"numbers", "generateseries", "generate_series", "values"})
SYSTEM_TABLES: Final = frozenset(
    {
        "system.one",
        "system.databases",
        "system.tables",
        "system.columns",
        "system.functions",
        "system.settings",
        "information_schema.tables",
        "information_schema.columns",
    }
)
_COMBINATORS: Final = [
    "ordefault",
    "ornull",
    "distinct",
    "resample",
    "foreach",
    "argmax",
    "argmin",
    "array",
    "state",
    "merge",
    "map",
    "if",
]
_KINDS: Final = frozenset(
    [
        "ArrayJoin",
        "Asterisk",
        "ColumnsExceptTransformer",
        "ColumnsListMatcher",
        "ColumnsRegexpMatcher",
        "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformer::Replacement",
        "ColumnsTransformerList",
        "DescribeQuery",
        "ExpressionList",
        "Function",
        "Identifier",
        "InterpolateElement",
        "Literal",
        "OrderByElement",
        "QualifiedAsterisk",
        "QualifiedColumnsListMatcher",
        "QualifiedColumnsRegexpMatcher",
        "SampleRatio",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "Subquery",
        "TableExpression",
        "TableIdentifier",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
    ]
)
_REASONS: Final[Mapping[str, str]] = {
    "Set": "SETTINGS are understood at the end of the whole query only",
    "ColumnsApplyTransformer": "APPLY is not allowed: write the function for each column",
    "Explain": "EXPLAIN is not allowed",
    "ParallelWithQuery": "one statement at a time, please",
}
_IN: Final = frozenset(
    [
        "in",
        "notin",
        "globalin",
        "globalnotin",
        "nullin",
        "notnullin",
        "globalnullin",
        "globalnotnullin",
    ]
)


class Parser(Protocol):
    """The engine, as far as the guard needs it; none of it runs what a user wrote."""

    @property
    def known_functions(self) -> Collection[str]:
        """Every function and table function of the engine, in lower case."""

    def canonical(self, sql: str) -> str:
        """Return the one statement of `sql` in one spelling, without comments."""

    def printed_tree(self, sql: str, parameters: Mapping[str, str]) -> str:
        """Return what `EXPLAIN AST` prints for a canonical statement."""

    def existing(self, names: Collection[str]) -> Collection[str]:
        """Return which of these are tables of our database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A query that may run.

    Attributes:
        sql: Its canonical text, without `FORMAT` and `SETTINGS`.
        format: How its answer is written.
        settings: Setting to value, capped by our limits; all that it runs with.
        is_query: Whether it is a SELECT, which can be described.
    """

    sql: str
    format: Format
    settings: Mapping[str, str]
    is_query: bool = True


class Guard:
    """Decides what may run.

    Args:
        parser: The engine.
        database: Our database.
        tables: Its tables that users may read.
        limits: The caps of one query.
    """

    def __init__(
        self, parser: Parser, *, database: str, tables: Collection[str], limits: SqlLimits
    ) -> None:
        self._parser: Final = parser
        self._database: Final = database
        self._tables: Final = frozenset(tables)
        self._limits: Final = limits
        self._qualified: Final = SYSTEM_TABLES | {f"{database}.{table}" for table in tables}
        self._forbidden: Final = frozenset(parser.known_functions) - _functions() - TABLE_FUNCTIONS

    def admit(
        self,
        sql: str,
        *,
        parameters: Mapping[str, str],
        asked: Mapping[str, str],
        default_format: str,
    ) -> Admitted:
        """Return the query as it may run.

        Args:
            sql: What the user wrote.
            parameters: Name to value of its `{name:Type}` substitutions.
            asked: Settings beside the query, as in a URL; unknown ones are passed over.
            default_format: For a query that names none.

        Raises:
            SqlError: It may not run, or is no SQL.
        """
        if len(sql.encode("utf-8", "surrogateescape")) > self._limits.max_query_bytes:
            raise SqlError(
                223,
                "QUERY_IS_TOO_LARGE",
                f"the query is longer than {self._limits.max_query_bytes} bytes",
            )
        clauses = clauses_of(self._parser.canonical(sql))
        statement = self._statement(clauses.body)
        self._check(statement, parameters)
        settings = settings_of(self._limits, asked, clauses.settings, condition=self._condition)
        return Admitted(
            sql=statement,
            format=format_named(clauses.format or default_format),
            settings=settings,
            is_query=not statement.startswith("DESCRIBE"),
        )

    def _statement(self, body: str) -> str:
        """Return the statement to run for the one that was asked, still unchecked."""
        tokens = tokens_of(body)
        words = tuple(token.text.upper() for token in tokens[:2])
        if words[:1] in {("SELECT",), ("WITH",), ("(",)} or words == ("DESCRIBE", "TABLE"):
            return body
        if words in {("SHOW", "DATABASES"), ("SHOW", "TABLES"), ("SHOW", "CREATE")}:
            return _shown(tokens, self._database)
        if words == ("EXISTS", "TABLE"):
            found = _table_condition(tokens[2:], self._database)
            return f"SELECT toUInt8(count() > 0) AS result FROM system.tables WHERE {found}"
        if words[:1] in {("INSERT",), ("SET",)}:
            raise SqlError(
                164, "READONLY", f"{words[0]} is not possible here: this interface only reads"
            )
        raise denied(f"{' '.join(words)} is not allowed: ask by SELECT, DESCRIBE, SHOW or EXISTS")

    def _check(self, sql: str, parameters: Mapping[str, str]) -> Node:
        tokens = tokens_of(sql)
        _check_identifier_parameters(tokens, parameters)
        self._check_calls(tokens)
        root = read_tree(self._parser.printed_tree(sql, parameters))
        unknown = frozenset(self._names(root))
        hidden = self._parser.existing(unknown) if unknown else ()
        if hidden:
            raise denied(f"table {min(hidden)} is not for reading")
        return root

    def _check_calls(self, tokens: Sequence[Token]) -> None:
        """Refuse a forbidden name before a parenthesis, should the tree ever not show it."""
        for name, mark in pairwise(tokens):
            called = mark.text == "(" and mark.start == name.start + len(name.text)
            if called and name.kind in {"word", "quoted"} and name.name.lower() in self._forbidden:
                raise denied(f"function {name.name} is not allowed")

    def _condition(self, table: str, condition: str) -> str:
        """Return an additional filter in canonical form, if it is allowed.

        Raises:
            SqlError: It reads what a query may not read.
        """
        if table not in self._tables and table not in self._qualified - SYSTEM_TABLES:
            raise denied(f"additional_table_filters: table {table} is not for reading")
        clauses = clauses_of(self._parser.canonical(f"SELECT ({condition})"))
        if clauses.settings or clauses.format or not _is_expression(self._check(clauses.body, {})):
            raise denied(f"additional_table_filters: {condition!r} is no condition")
        return clauses.body.removeprefix("SELECT ")

    def _names(self, node: Node) -> Iterator[str]:
        """Check a tree and yield the bare table names in it that are not in our list."""
        if node.kind not in _KINDS:
            raise denied(_REASONS.get(node.kind, f"{node.kind} is not allowed"))
        if node.kind == "SelectWithUnionQuery" and len(node.children) != 1:
            raise denied("INTO OUTFILE is not allowed: the answer comes as the response")
        if node.kind == "TableIdentifier":
            yield from self._table(node.text)
        if node.kind == "Function":
            _check_function(node.text)
            if node.text.lower() in _IN:
                yield from self._set(node)
        for child in node.children:
            if node.kind == "TableExpression" and child.kind == "Function":
                yield from self._table_function(child)
            else:
                yield from self._names(child)

    def _table(self, name: str) -> Iterator[str]:
        if name in self._tables or name.lower() in SYSTEM_TABLES or name in self._qualified:
            return
        if "." in name:
            raise denied(f"table {name} is not for reading")
        yield name

    def _set(self, node: Node) -> Iterator[str]:
        """Check the right side of IN, where a bare name may be a table."""
        if not node.children or len(node.children[0].children) != 2:
            raise denied(f"{node.text} needs two arguments")
        right = node.children[0].children[1]
        if right.kind == "Identifier":
            yield from self._table(right.text)

    def _table_function(self, node: Node) -> Iterator[str]:
        if node.text.lower() not in TABLE_FUNCTIONS:
            raise denied(f"table function {node.text} is not allowed")
        for child in node.children:
            yield from self._names(child)


def _is_expression(node: Node) -> bool:
    """Whether a tree is `SELECT` of one expression and nothing else."""
    for kind in ("SelectWithUnionQuery", "ExpressionList", "SelectQuery", "ExpressionList"):
        if node.kind != kind or len(node.children) != 1:
            return False
        node = node.children[0]
    return True


def _check_function(name: str) -> None:
    lower = name.lower()
    allowed = _functions()
    while lower not in allowed:
        shorter = next((lower.removesuffix(end) for end in _COMBINATORS if lower.endswith(end)), "")
        if not shorter:
            raise denied(f"function {name} is not allowed")
        lower = shorter


@cache
def _functions() -> frozenset[str]:
    text = (files(__package__) / "functions.txt").read_text(encoding="utf-8")
    return frozenset(
        word.lower()
        for line in text.splitlines()
        if not line.startswith("#")
        for word in line.split()
    )


def _check_identifier_parameters(tokens: Sequence[Token], parameters: Mapping[str, str]) -> None:
    for brace, name, colon, kind in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if brace.text != "{" or colon.text != ":" or not kind.is_word("IDENTIFIER"):
            continue
        value = parameters.get(name.name, "")
        if not all(part.isidentifier() and part.isascii() for part in value.split(".")):
            raise denied(f"parameter {name.name} = {value!r} is no plain name")


def _shown(tokens: Sequence[Token], database: str) -> str:
    """Return the SELECT over `system` that answers a SHOW."""
    rest = tokens[2:]
    if tokens[1].is_word("DATABASES") and not rest:
        return "SELECT name FROM system.databases ORDER BY name"
    if tokens[1].is_word("TABLES"):
        if rest and rest[0].is_word("FROM") and len(rest) == 2:
            database = rest[1].name
        elif rest:
            raise denied("of SHOW TABLES only SHOW TABLES [FROM database] is allowed")
        return f"SELECT name FROM system.tables WHERE database = {quote(database)} ORDER BY name"
    if tokens[1].is_word("CREATE") and rest and rest[0].is_word("TABLE"):
        found = _table_condition(rest[1:], database)
        return f"SELECT create_table_query AS statement FROM system.tables WHERE {found}"
    raise denied("of SHOW only DATABASES, TABLES and CREATE TABLE are allowed")


def _table_condition(tokens: Sequence[Token], database: str) -> str:
    names = [token.name for token in tokens if token.kind in {"word", "quoted"}]
    marks = [token.text for token in tokens if token.kind not in {"word", "quoted"}]
    if len(names) == 2 and marks == ["."]:
        database = names.pop(0)
    elif len(names) != 1 or marks:
        raise denied("name one table: [database.]table")
    return f"(database = {quote(database)}) AND (name = {quote(names[0])})"
