"""Dimensions as expressions over a table named `spent`, by the names of now.

What a user says becomes a parameter; the text of an expression is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from otel_costattr.attribution import Schema
from otel_costattr_collector import queries

SMALL: Final = "__small__"
"""Stands in every dimension of the row of groups that are too small to be shown."""

_SEPARATOR: Final = "char(31)"


def expression(name: str, parameter: str, parameters: dict[str, object], schema: Schema) -> str:
    """Write a dimension or tag of a table named `spent`, by the names of now.

    Args:
        name: The dimension, or `tags.NAME`.
        parameter: Makes the names of the parameters unique.
        parameters: Takes the values.
        schema: Knows what was replaced.
    """
    tag = queries.tag_of(name)
    if tag is None:
        own = queries.ROOTS.get(name, name)
        return queries.column_of(name, _renamed(own, f"spent.{own}", parameter, parameters, schema))
    parameters[f"{parameter}_name"] = tag
    column = f"spent.tags[{{{parameter}_name:String}}]"
    for place, old in enumerate(schema.renames.former_tags(tag)):
        parameters[f"{parameter}_name_{place}"] = old
        former = f"spent.tags[{{{parameter}_name_{place}:String}}]"
        column = f"if({column} != '', {column}, {former})"
    return _renamed(name, column, parameter, parameters, schema)


def _renamed(
    name: str, column: str, parameter: str, parameters: dict[str, object], schema: Schema
) -> str:
    values = schema.renames.values.get(name)
    if not values:
        return column
    parameters[f"{parameter}_old"], parameters[f"{parameter}_new"] = (
        list(values),
        list(values.values()),
    )
    words = f"{{{parameter}_old:Array(String)}}, {{{parameter}_new:Array(String)}}"
    return f"transform(toString({column}), {words}, toString({column}))"


def filters_of(
    filters: Mapping[str, str | tuple[str, ...]], schema: Schema, parameters: dict[str, object]
) -> list[str]:
    """Write the conditions that only some values count, by whichever name they were written.

    Args:
        filters: Dimension to the value or values.
        schema: Knows what was replaced.
        parameters: Takes the values.
    """
    conditions = []
    for place, (name, asked) in enumerate(filters.items()):
        column, values = _filtered(schema, name, asked, f"filter_{place}", parameters)
        only = values if isinstance(values, str) else values[0] if len(values) == 1 else None
        if only is not None:
            parameters[f"filter_{place}"] = only
            conditions.append(f"{column} = {{filter_{place}:String}}")
        else:
            parameters[f"filter_{place}"] = list(values)
            conditions.append(f"{column} IN {{filter_{place}:Array(String)}}")
    return conditions


def _filtered(
    schema: Schema,
    name: str,
    asked: str | tuple[str, ...],
    parameter: str,
    parameters: dict[str, object],
) -> tuple[str, str | tuple[str, ...]]:
    """Write what is filtered by, and the values: names of before are asked for, not worked out."""
    renames = schema.renames
    values = (asked,) if isinstance(asked, str) else asked
    if name in queries.ROOTS or queries.tag_of(name) or name not in renames.values:
        named = tuple(renames.former(queries.ROOTS.get(name, name), one)[0] for one in values)
        column = expression(name, parameter, parameters, schema)
        return column, named if renames else asked
    every = [one for value in values for one in renames.former(name, value)]
    return queries.column_of(name), tuple(dict.fromkeys(every))


def without_of(
    groups: Sequence[Mapping[str, str]], schema: Schema, parameters: dict[str, object]
) -> list[str]:
    """Write the conditions that values, all of a group together, do not count.

    Args:
        groups: Dimensions and values.
        schema: Knows what was replaced.
        parameters: Takes the values.
    """
    conditions = []
    for place, group in enumerate(groups):
        same = []
        for inner, (name, value) in enumerate(group.items()):
            parameter = f"without_{place}_{inner}"
            column = expression(name, parameter, parameters, schema)
            parameters[parameter] = schema.renames.former(name, value)[0]
            same.append(f"{column} = {{{parameter}:String}}")
        conditions.append(f"NOT ({' AND '.join(same)})")
    return conditions


def joined(expressions: Sequence[str]) -> str:
    """Write the dimensions of a group as one text; no value has the character between them."""
    texts = ", ".join(f"toString({one})" for one in expressions)
    return texts if len(expressions) == 1 else f"concatWithSeparator({_SEPARATOR}, {texts})"


def folded(
    expressions: tuple[str, ...], shown: Sequence[str] | None, parameters: dict[str, object]
) -> tuple[str, ...]:
    """Write dimensions so that all groups but some come as one.

    Args:
        expressions: The dimensions.
        shown: The groups that stay, as `joined` writes them; None for all.
        parameters: Takes the values.
    """
    if shown is None:
        return expressions
    parameters["shown_groups"] = list(shown)
    stays = f"{joined(expressions)} IN {{shown_groups:Array(String)}}"
    return tuple(f"if({stays}, toString({one}), '{SMALL}')" for one in expressions)
