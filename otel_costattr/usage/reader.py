"""The engine that reads every dialect: one pass over the attributes, tables for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, cast

from otel_costattr.model import MAX_COUNT, AttributeValue, ModelCall, ModelUsage, Role, Span, Usage
from otel_costattr.remembering import remembering
from otel_costattr.usage.claims import Claims, Slot, leaves
from otel_costattr.usage.conventions import Conventions, convention_of
from otel_costattr.usage.keys import CALLS, COMMON, SLOTS, SUMS, WITHOUT_OUTPUT, Keys, TextField
from otel_costattr.usage.numbers import usd
from otel_costattr.usage.objects import dig, parse
from otel_costattr.usage.records import QuickCall
from otel_costattr.usage.shapes import iterations, read_object

Found = tuple[str, AttributeValue]
"""An attribute's name and value."""

INFERENCE_DETAILS: Final = "gen_ai.client.inference.operation.details"
"""The log record that repeats a call's span."""

MAX_TEXT: Final = 512
"""Longer names of models, providers and ids are nobody's."""


@dataclass(slots=True)
class Reading:
    """What has been read of one span so far; a dialect's `refine` may correct it.

    Attributes:
        span: The span.
        fields: What its attributes say beside counts.
        given: The counts that its attributes give, each with the attribute's name.
        claims: Its counts, those of a raw object first.
        role: Call or sum; None for neither.
        version: The emitter's version.
        cost_source: Where a reported cost stands, if not in an attribute of its own.
    """

    span: Span
    fields: dict[TextField, AttributeValue]
    given: dict[Slot, Found]
    claims: Claims
    role: Role | None
    version: str
    cost_source: str = ""

    def text(self, name: TextField) -> str:
        """Answer a field as text, `''` where it is absent or no text."""
        return text(self.fields.get(name))

    def text_of(self, attribute: str) -> str:
        """Answer any attribute as text, `''` where it is absent or no text."""
        return text(self.span.attributes.get(attribute))

    def put(self, name: TextField, value: AttributeValue, source: str) -> None:
        """Set a field, whatever was there."""
        self.fields[name] = value
        if name == "cost":
            self.cost_source = source


def by_operation(reading: Reading) -> Role | None:
    """Tell a call from a sum by the operation's name, or by its counts where it has none."""
    operation = text(reading.fields.get("operation")).lower()
    if operation in CALLS:
        return "call"
    if operation in SUMS:
        return "aggregate"
    if reading.span.signal == "log":
        return "call" if reading.span.name == INFERENCE_DETAILS else None
    if not _TOTALS.isdisjoint(reading.given):
        return "call"
    return "call" if "request_model" in reading.fields and not operation else None


_TOTALS: Final = frozenset({"input", "output", "total"})


def nothing(reading: Reading) -> None:
    """Leave a reading as it is."""


class Plan(NamedTuple):
    """Which fields and counts attributes of some names fill.

    Attributes:
        texts: Field and attribute, the preferred first.
        slots: Count and attribute, the preferred first.
        once: Whether no two attributes fill the same.
    """

    texts: tuple[tuple[TextField, str], ...]
    slots: tuple[tuple[Slot, str], ...]
    once: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect:
    """How one emitter writes; compared by identity.

    Attributes:
        name: What assessments call the emitter.
        scopes: Its instrumentation scopes; a trailing `*` matches every name that begins so.
        marks: Attributes that betray it under any other scope.
        keys: Attribute name to field.
        objects: Attributes with a raw usage object and the path to it inside, richest first.
        role: Tells a call from a sum.
        refine: Corrects what only this emitter does.
        page: One line for the table of dialects.
        plan: Derived: what attributes of some names fill.
    """

    name: str
    scopes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    keys: Keys = field(default_factory=lambda: COMMON)
    objects: tuple[tuple[str, tuple[str, ...]], ...] = ()
    role: Callable[[Reading], Role | None] = by_operation
    refine: Callable[[Reading], None] = nothing
    page: str = ""
    plan: Callable[[Iterable[str]], Plan] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", remembering(partial(_plan, self.keys)))


def text(value: object) -> str:
    """Answer a short text, trimmed; `''` for anything else."""
    return value.strip() if isinstance(value, str) and len(value) <= MAX_TEXT else ""


def read_with(dialect: Dialect, span: Span, conventions: Conventions) -> ModelCall | None:
    """Read `span` as `dialect` writes; None where it is neither a call nor a sum."""
    fields, given = _fields(dialect, span.attributes)
    reading = Reading(span, fields, given, Claims(), None, span.scope_version)
    reading.role = dialect.role(reading)
    if reading.role is None:
        return None
    steps = _raw(dialect, reading) if dialect.objects else ()
    _claims(reading)
    dialect.refine(reading)
    return _call(dialect, reading, conventions, steps)


def _fields(
    dialect: Dialect, attributes: Mapping[str, AttributeValue]
) -> tuple[dict[TextField, AttributeValue], dict[Slot, Found]]:
    texts, slots, once = dialect.plan(attributes)
    if once:
        return (
            {
                name: value
                for name, attribute in texts
                if (value := attributes[attribute]) is not None and value != ""
            },
            {
                slot: (attribute, value)
                for slot, attribute in slots
                if (value := attributes[attribute]) is not None and value != ""
            },
        )
    fields: dict[TextField, AttributeValue] = {}
    for name, attribute in texts:
        value = attributes[attribute]
        if value is not None and value != "" and name not in fields:
            fields[name] = value
    given: dict[Slot, Found] = {}
    for slot, attribute in slots:
        value = attributes[attribute]
        if value is not None and value != "" and slot not in given:
            given[slot] = (attribute, value)
    return fields, given


def _plan(keys: Keys, names: tuple[str, ...]) -> Plan:
    ranked = sorted((keys[name][1], name) for name in names if name in keys)
    found = [(keys[name][0], name) for _, name in ranked]
    return Plan(
        texts=tuple((cast("TextField", to), name) for to, name in found if to not in SLOTS),
        slots=tuple((cast("Slot", to), name) for to, name in found if to in SLOTS),
        once=len({to for to, _ in found}) == len(found),
    )


def _raw(dialect: Dialect, reading: Reading) -> tuple[ModelUsage, ...]:
    """Take the richest raw usage object; answers what other models used inside the response."""
    attributes = reading.span.attributes
    for name, path in dialect.objects:
        value = attributes.get(name)
        if value is None:
            continue
        found = dig(parse(value), path)
        if not found:
            continue
        claims = read_object(found, ".".join((name, *path)))
        if claims.counts or claims.bad:
            reading.claims = claims
            _said_by_object(reading, found, name)
            return _steps(reading, found, name)
    return ()


_OBJECT_TEXT: Final[tuple[tuple[str, TextField], ...]] = (
    ("service_tier", "service_tier"),
    ("serviceTier", "service_tier"),
    ("inference_geo", "region"),
    ("speed", "speed"),
    ("cost", "cost"),
)


def _said_by_object(reading: Reading, found: Mapping[str, object], name: str) -> None:
    for key, target in _OBJECT_TEXT:
        value = found.get(key)
        if value and target not in reading.fields and isinstance(value, (str, int, float)):
            reading.put(target, value, f"{name}:{key}")


def _steps(reading: Reading, found: Mapping[str, object], name: str) -> tuple[ModelUsage, ...]:
    """Split a response that several models served; the main model's steps replace its counts."""
    steps = iterations(found)
    if not steps:
        return ()
    own: dict[Slot, int] = {}
    others: list[ModelUsage] = []
    main = {reading.text("response_model"), reading.text("request_model"), ""}
    for number, (model, usage) in enumerate(steps):
        claims = read_object(usage, f"{name}:iterations.{number}")
        if model not in main:
            counts, _ = leaves(claims, convention="exclusive")
            if counts is not None:
                others.append(ModelUsage(model=model, usage=counts))
            continue
        for slot, value in claims.counts.items():
            own[slot] = own.get(slot, 0) + value
    for slot, value in own.items():
        reading.claims.counts[slot] = value
        reading.claims.sources[slot] = f"derived: sum of {name}:iterations"
    return tuple(others)


def _claims(reading: Reading) -> None:
    """Add the counts of single attributes to those of a raw object, which is preferred."""
    claims = reading.claims
    counts, sources = claims.counts, claims.sources
    whole = "input" in counts or "input_fresh" in counts
    for slot, (source, value) in reading.given.items():
        if whole and slot in _OWN_CONVENTION:
            continue
        if type(value) is int and 0 <= value <= MAX_COUNT and slot not in counts:
            counts[slot], sources[slot] = value, source
        else:
            claims.add(slot, value, source)


# A raw object counts these by its own convention; attributes beside it may follow another one.
_OWN_CONVENTION: Final = frozenset(
    {"input", "input_fresh", "total", "cache_read", "cache_write", "output_text", "tool_use"}
)


def _call(
    dialect: Dialect, reading: Reading, conventions: Conventions, others: tuple[ModelUsage, ...]
) -> ModelCall | None:
    texts = _texts(reading.fields)
    usage, reasons = _usage(reading, texts, conventions)
    if reading.role == "aggregate":
        if usage is None and reasons != _BAD:
            return None
        reasons = ("wrapper_sum", *reasons)
    elif usage is not None and _cut_short(reading, texts, usage):
        reasons = (*reasons, "aborted")
    amount = usd(reading.fields["cost"]) if "cost" in reading.fields else None
    made = QuickCall(
        cast("Role", reading.role),
        dialect.name,
        texts,
        texts.get("error_type") or ("error" if reading.span.failed else ""),
        usage,
        others,
        amount,
        "" if amount is None else reading.cost_source or _cost_attribute(dialect, reading),
        reasons,
    )
    return cast("ModelCall", made)


_BAD: Final = ("bad_usage",)


def _cost_attribute(dialect: Dialect, reading: Reading) -> str:
    attributes = reading.span.attributes
    texts = dialect.plan(attributes).texts
    return next(a for name, a in texts if name == "cost" and attributes[a] not in {None, ""})


def _texts(fields: Mapping[TextField, AttributeValue]) -> dict[str, str]:
    return {
        name: value.strip()
        for name, value in fields.items()
        if isinstance(value, str) and len(value) <= MAX_TEXT
    }


def _usage(
    reading: Reading, texts: Mapping[str, str], conventions: Conventions
) -> tuple[Usage | None, tuple[str, ...]]:
    model = texts.get("response_model") or texts.get("request_model", "")
    convention, whose = convention_of(
        conventions, reading.span.scope_name, reading.version, texts.get("provider", ""), model
    )
    return leaves(reading.claims, convention=convention, residual_is_output=whose == "google")


def _cut_short(reading: Reading, texts: Mapping[str, str], usage: Usage) -> bool:
    """Tell a stream that ended early from a call that was counted to its end."""
    fields = reading.fields
    if texts.get("operation", "").lower() in WITHOUT_OUTPUT:
        return False
    if reading.span.failed or "error_type" in fields:
        return True
    if "finish" in fields or not truth(fields.get("stream")):
        return False
    claimed = reading.claims.counts
    return ("output" not in claimed and "output_text" not in claimed) or usage.output_total <= 1


def truth(value: AttributeValue) -> bool:
    """Read a flag that may be a bool or its name."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
