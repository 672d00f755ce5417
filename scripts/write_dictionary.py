"""Write `clickhouse/README.md`, the dictionary of the tables, from the SQL itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_costattr_collector import migrate, schema

_HEAD: Final = re.compile(r"\A((?:-- .*\n)+)CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS (\w+)")
_CHANGE: Final = re.compile(r"\A((?:-- .*\n)+)ALTER TABLE (\w+)")
_SAYS: Final = re.compile(r"^    COMMENT COLUMN (\w+) '((?:[^']|'')*)'", re.MULTILINE)
_GROUP: Final = re.compile(r"^    -- (.+)$")
_COLUMN: Final = re.compile(r"^    (\w+) +([A-Z].*?) +COMMENT '((?:[^']|'')*)'", re.MULTILINE)
_ALIAS: Final = re.compile(r"^    (\w+) (\w+) ALIAS (.+)\n +COMMENT '((?:[^']|'')*)'", re.MULTILINE)
_ENGINE: Final = re.compile(r"^ENGINE = (?:/\*\{engine\}\*/ )?(\w+)", re.MULTILINE)
_CLAUSE: Final = re.compile(r"^(PARTITION BY|ORDER BY) (.+)$", re.MULTILINE)
_TARGET: Final = re.compile(r"^TO (\w+)", re.MULTILINE)
_COMMENT: Final = re.compile(r"\A((?:--.*\n)+)")

_INTRODUCTION: Final = """\
# The tables

Made from the SQL in this folder by `python scripts/write_dictionary.py`; a test compares.

- `migrations/` holds the tables, the views that feed them and what was changed later: one object
  or change a file, applied in order by `costattr migrate` or `costattr serve`, forward only. A file
  that was applied is never edited.
- `queries/` holds the named questions. The command line, the API and the dashboards use this text.

Both are plain SQL for one server. Comments such as `/*{engine}*/` mark what another layout changes:
`costattr migrate --print --layout cluster --cluster NAME` shows the text for a cluster,
`--layout cloud` that for ClickHouse Cloud.

Read money as `sum(amount_usd)`. NULL is unknown and is left out of a sum; it is never 0. Read
counts as plain sums: a reversal is negative. `avg()` is a float: use sum over sum.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """What one migration makes.

    Attributes:
        name: The table or view.
        file: The migration.
        about: What it is for.
        text: The statement.
        is_view: Whether it is a view.
    """

    name: str
    file: str
    about: str
    text: str
    is_view: bool


def main() -> None:
    """Write the file."""
    (schema.folder() / "README.md").write_text(dictionary(), encoding="utf-8")


def dictionary() -> str:
    """Make the whole dictionary."""
    every = migrate.shipped()
    objects = [_object(one) for one in every if not _CHANGE.match(one.text)]
    feeds = {_TARGET.findall(one.text)[0]: one for one in objects if one.is_view}
    changes = [found for found in map(_change, every) if found]
    said = {
        (head[2], column): about
        for one in every
        if (head := _CHANGE.match(one.text))
        for column, about in _SAYS.findall(one.text)
    }
    tables = [
        _table(one, said, feeds.get(one.name), [says for name, says in changes if name == one.name])
        for one in objects
        if not one.is_view
    ]
    return "\n".join([_INTRODUCTION, *tables, _queries()])


def _object(migration: migrate.Migration) -> Object:
    head = _HEAD.match(migration.text)
    if head is None:
        raise SystemExit(f"{migration.name}: begin with a comment, then CREATE ... IF NOT EXISTS")
    return Object(
        name=head[3],
        file=migration.name,
        about=_plain(head[1]),
        text=migration.text,
        is_view=head[2] != "TABLE",
    )


def _change(migration: migrate.Migration) -> tuple[str, str] | None:
    head = _CHANGE.match(migration.text)
    return (head[2], f"`migrations/{migration.name}`: {_plain(head[1])}") if head else None


def _plain(comment: str) -> str:
    return " ".join(line.removeprefix("-- ") for line in comment.splitlines())


def _table(
    one: Object,
    said: Mapping[tuple[str, str], str],
    feed: Object | None,
    changes: Sequence[str],
) -> str:
    engine = _ENGINE.findall(one.text)[0]
    clauses = "; ".join(f"{word.lower()} `{what}`" for word, what in _CLAUSE.findall(one.text))
    fed = f" Fed by `{feed.name}` (`migrations/{feed.file}`)." if feed else ""
    lines = [
        f"## {one.name}\n",
        f"{one.about}\n",
        f"`migrations/{one.file}`; {engine}; {clauses}.{fed}\n",
        *(f"{change}\n" for change in changes),
        "| column | type | what it holds |",
        "| --- | --- | --- |",
        *_rows(one, said),
    ]
    return "\n".join(lines) + "\n"


def _rows(one: Object, said: Mapping[tuple[str, str], str]) -> list[str]:
    rows = []
    for line in one.text.splitlines():
        group, column = _GROUP.match(line), _COLUMN.match(line)
        if group and "worked out" not in group[1]:
            rows.append(f"| **{group[1]}** | | |")
        elif column and " ALIAS " not in line:
            about = said.get((one.name, column[1]), column[3])
            rows.append(f"| `{column[1]}` | `{column[2]}` | {about} |")
    aliases = _ALIAS.findall(one.text)
    if aliases:
        rows.append("| **worked out when they are read; not part of `SELECT *`** | | |")
    return rows + [
        f"| `{name}` | `{kind}` | {about} `{expression}` |"
        for name, kind, expression, about in aliases
    ]


def _queries() -> str:
    lines = ["## Named queries\n"]
    for path in sorted((schema.folder() / "queries").glob("*.sql")):
        head = _COMMENT.match(path.read_text("utf-8"))
        if head is None:
            raise SystemExit(f"{path.name}: begin with a comment that documents the columns")
        about = "\n".join(
            line.removeprefix("--").removeprefix(" ") for line in head[1].splitlines()
        )
        lines.append(f"### queries/{path.name}\n\n```text\n{about}\n```\n")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
