"""Queries that look at one dimension, asked once for each of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from otel_costattr_collector import queries, spend
from otel_costattr_collector.spend import Edge, Frame, Question


def each(
    query: str,
    question: Question,
    parts: Callable[[Frame], Mapping[str, str]],
    *,
    edges: Iterable[Edge] = (),
    order: str = "",
) -> tuple[str, dict[str, object]]:
    """Write a query for each dimension of a question, and the parameters of all of them.

    Every dimension is read from the smallest table that has it, so one that only the ledger keeps
    does not make the others slow.

    Args:
        query: A named query with the parts `dimension`, `value`, `source` and `filter`.
        question: The dimensions, the period and the filters.
        parts: Gives the other parts; may add parameters to the frame.
        edges: Ends of periods beside those of the question.
        order: How rows of one dimension are sorted, in columns of the answer.
    """
    parameters: dict[str, object] = {}
    texts = []
    for place, name in enumerate(question.group_by):
        source = spend.source_for(replace(question, group_by=(name,)), edges=edges)
        frame = spend.frame(question, table=source.table)
        own = {
            "dimension": quoted(name),
            "value": frame.expressions[place],
            "source": source.table,
            "filter": frame.parts["filter"],
        }
        texts.append(queries.render(query, {**own, **parts(frame)}))
        parameters.update(frame.parameters)
    every = "\nUNION ALL\n".join(f"(\n{text}\n)" for text in texts)
    sql = f"SELECT * FROM\n(\n{every}\n) AS every\nORDER BY dimension{order}"
    return sql, parameters


def quoted(name: str) -> str:
    """Write a name as a text of SQL."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
