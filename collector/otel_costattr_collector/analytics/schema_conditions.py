"""What stands outside of the attribution schema, as conditions on lines of the ledger."""

from __future__ import annotations

from otel_costattr.attribution.schema import RESERVED, Allowed
from otel_costattr.attribution.splits import SPLIT
from otel_costattr.model import DIMENSIONS

from ..expressions import expression
from ..queries import tag_of
from ..spend import Question

_HASHED = "'^h:[A-Za-z0-9_-]{1,16}:[0-9a-f]{32}$'"
UNDOCUMENTED_TAGS = "tags"
"""How tags that the schema does not name are called together."""


def outside(question: Question, parameters: dict[str, object]) -> dict[str, str]:
    """Write the condition that a line stands outside, for each dimension and tag that may.

    Args:
        question: Knows the schema.
        parameters: Takes the values.
    """
    schema = question.schema
    found: dict[str, str] = {}
    for place, (target, allowed) in enumerate(schema.allowed.items()):
        if allowed.values or allowed.pattern:
            value = expression(target, f"schema_{place}", parameters, schema)
            found[target] = _refused(value, allowed, f"schema_{place}", parameters)
    if schema and schema.undocumented == "report":
        for dimension in DIMENSIONS:
            if not schema.documents(dimension):
                found[dimension] = f"spent.{dimension} != ''"
        named = [tag for target in schema.allowed if (tag := tag_of(target)) is not None]
        parameters["schema_tags"] = [*named, *schema.renames.tags]
        found[UNDOCUMENTED_TAGS] = (
            "arrayExists(name -> NOT has({schema_tags:Array(String)}, name)"
            f" AND NOT startsWith(name, '{SPLIT}'), mapKeys(spent.tags))"
        )
    return found


def required(question: Question, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dimensions that every call has to have: the schema's, else the shipped ones."""
    return question.schema.required or default


def _refused(value: str, allowed: Allowed, parameter: str, parameters: dict[str, object]) -> str:
    wrong = []
    if allowed.values:
        parameters[f"{parameter}_values"] = sorted({*allowed.values, *RESERVED})
        wrong.append(f"{value} NOT IN {{{parameter}_values:Array(String)}}")
    if allowed.pattern:
        parameters[f"{parameter}_pattern"] = f"^(?:{allowed.pattern})$"
        parameters[f"{parameter}_ours"] = sorted(RESERVED)
        wrong.append(
            f"(NOT match({value}, {{{parameter}_pattern:String}})"
            f" AND {value} NOT IN {{{parameter}_ours:Array(String)}})"
        )
    return f"({value} != '' AND NOT match({value}, {_HASHED}) AND ({' OR '.join(wrong)}))"
