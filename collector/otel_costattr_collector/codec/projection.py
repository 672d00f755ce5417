"""Which attributes go on: what pricing and ownership read, and never a prompt or completion.

Everything that reaches memory for longer than a request, the journal or the tables went through
here. It is an allow-list: a name that nothing reads is dropped with its value, and of an object
that carries a usage block only numbers and named identifiers stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias

from otel_costattr.attribution import DEFAULT_RULES, Identities, OwnerRules
from otel_costattr.attribution.names import (
    ENTITY_IDS,
    METADATA_NAMES,
    METADATA_OBJECTS,
    OWN_NAMES,
    SOURCE_ATTRIBUTE,
    TAG_PREFIX,
)
from otel_costattr.attribution.values import MAX_VALUE_CHARACTERS
from otel_costattr.costs import names as cost_names
from otel_costattr.model import AttributeValue
from otel_costattr.usage.dialects import DIALECTS
from otel_costattr.usage.dialects.openinference import digest
from otel_costattr.usage.estimate import UNREADABLE, characters, family_of
from otel_costattr.usage.objects import parse
from otel_costattr.usage.shapes import COUNT_NAMES, TIERS

Reduce: TypeAlias = Callable[[AttributeValue], AttributeValue]

MAX_PLAIN_CHARS: Final = 1_024
"""Nothing reads a longer plain value: names and ids end at 512 characters."""

_ALSO_READ: Final = (
    "ai.request.headers.user-agent",
    "duration",
    "duration_ms",
    "event.kind",
    "event.name",
    *cost_names.TEXTS,
    cost_names.AMOUNT,
    cost_names.QUANTITY,
    "langsmith.metadata.ls_provider",
    "litellm.call_id",
    "llm.request.type",
    "service.name",
)
"""Names that a dialect looks at beside its tables."""

_OBJECTS: Final = (
    "ai.response.providerMetadata",
    "embedding.invocation_parameters",
    "langfuse.observation.cost_details",
    "langfuse.observation.model.parameters",
    "llm.invocation_parameters",
    "request_data",
    *METADATA_OBJECTS,
    *(name for dialect in DIALECTS for name, _ in dialect.objects),
)
"""Names whose value is an object of which only a part is read."""

_TEXTS_IN_OBJECTS: Final = frozenset(
    {
        "id",
        "inference_geo",
        "modality",
        "model",
        "responseId",
        "serviceTier",
        "service_tier",
        "speed",
        "ttl",
        *METADATA_NAMES,
        *ENTITY_IDS,
        *ENTITY_IDS.values(),
    }
)
"""Names inside such an object whose text is read."""

_NUMBERS_IN_OBJECTS: Final = frozenset(
    {
        *COUNT_NAMES,
        *(tier + name for tier in TIERS for name in COUNT_NAMES),
        *_TEXTS_IN_OBJECTS,
        *("cost", "stream", "total"),
    }
)
"""Names inside such an object whose number is read."""

REFUSED_ADDRESS: Final = "refused@e-mail.invalid"
"""Stands in the journal for an address that policy refuses: it is refused like any, and nobody's."""

_MAX_TEXT_CHARS: Final = 256
_MAX_KEY_CHARS: Final = 64
_MAX_DEPTH: Final = 8
_MAX_ITEMS: Final = 64
_MAX_NAMES: Final = 256


class Projection:
    """The allow-list as one look-up.

    Args:
        rules: The operator's rules for owners; what they read is kept too.
        also: Further names that are kept, such as those that rules for costs read.
        lengths: Whether of texts that nothing reads the number of characters is kept.

    Attributes:
        reducer: Gives what reduces the value of an attribute, None if all of it is dropped.
    """

    __slots__ = ("_identities", "_lengths", "_reducers", "reducer")

    def __init__(
        self,
        rules: OwnerRules = DEFAULT_RULES,
        *,
        also: frozenset[str] = frozenset(),
        lengths: bool = False,
    ) -> None:
        self._lengths: Final = lengths
        plain = {
            *(name for dialect in DIALECTS for name in dialect.keys),
            *_ALSO_READ,
            *also,
            *rules.known,
            *ENTITY_IDS.values(),
            *(name for rule in rules.rules for name in rule.when),
            SOURCE_ATTRIBUTE,
        }
        marks = {mark for dialect in DIALECTS for mark in dialect.marks} - plain
        self._reducers: Final[Mapping[str, Reduce]] = MappingProxyType(
            {
                **dict.fromkeys(marks, mark),
                **dict.fromkeys(plain, _plain),
                **{name: _owner(meant, rules.identities) for name, meant in _meanings(rules)},
                **dict.fromkeys(_OBJECTS, _usage_object(rules.identities)),
                "output.value": _output,
                cost_names.DESCRIPTION: _owner("description", rules.identities),
            }
        )
        self._identities: Final = rules.identities
        self.reducer: Final[Callable[[str], Reduce | None]] = lru_cache(4096)(self._reducer)

    def _reducer(self, name: str) -> Reduce | None:
        found = self._reducers.get(name)
        if self._lengths and found in {None, mark} and family_of(name) >= 0:
            return _length
        if found is None and name.startswith(TAG_PREFIX):
            return _owner(f"tags.{name.removeprefix(TAG_PREFIX)}", self._identities)
        return found


def _plain(value: AttributeValue) -> AttributeValue:
    if isinstance(value, str):
        return value if len(value) <= MAX_PLAIN_CHARS else None
    if isinstance(value, bytes | Mapping):
        return None
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value[:_MAX_ITEMS])
    return value


def _meanings(rules: OwnerRules) -> Iterator[tuple[str, str]]:
    """Yield each name that can name an owner, and the dimension."""
    yield from rules.aliases.items()
    yield from rules.baggage.items()
    yield from OWN_NAMES.items()


def _owner(dimension: str, identities: Identities) -> Reduce:
    """Return what keeps an owner's value, with people hashed or refused before it is stored."""

    def reduce(value: AttributeValue) -> AttributeValue:
        kept = _plain(value)
        if isinstance(kept, int) and dimension in identities.hashed:
            kept = str(kept)
        return _protected(kept, dimension, identities) if isinstance(kept, str) else kept

    return reduce


def _protected(value: str, dimension: str, identities: Identities) -> str | None:
    if dimension in identities.hashed and len(value) > MAX_VALUE_CHARACTERS:
        return None
    protected, refusal = identities.protect(dimension, value.strip())
    return REFUSED_ADDRESS if refusal else protected


def _length(value: AttributeValue) -> AttributeValue:
    """Keep how long a text is, and nothing of it; a number that came instead of one is no length."""
    return UNREADABLE if isinstance(value, int | float) else characters(value)


def mark(_value: AttributeValue) -> AttributeValue:
    """Keep that the attribute was there, and nothing of it."""
    return True


def _output(value: AttributeValue) -> AttributeValue:
    return digest(value) if isinstance(value, str) else None


def _usage_object(identities: Identities) -> Reduce:
    def reduce(value: AttributeValue) -> AttributeValue:
        parsed = parse(value)
        if parsed is None:
            return None
        kept = _reduced_mapping(parsed, 1)
        for name in METADATA_NAMES.keys() & kept.keys():
            if isinstance(kept[name], str | int):
                kept[name] = _protected(str(kept[name]), METADATA_NAMES[name], identities)
        return json.dumps(kept)

    return reduce


def _reduced(name: str, value: object, depth: int) -> object:
    """Keep what is read under `name`: its number, its text, or what is left of an object."""
    if isinstance(value, str):
        return _reduced_text(name, value, depth)
    if isinstance(value, bool | int | float):
        return value if name in _NUMBERS_IN_OBJECTS else None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return _reduced_mapping(value, depth + 1)
    if isinstance(value, list | tuple):
        items = [_reduced(name, item, depth + 1) for item in value[:_MAX_ITEMS]]
        return [item for item in items if item is not None]
    return None


def _reduced_mapping(value: Mapping[str, object], depth: int) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, item in islice(value.items(), _MAX_NAMES):
        if _is_name(name):
            reduced = _reduced(name, item, depth)
            if reduced is not None and reduced not in ({}, []):
                kept[name] = reduced
    return kept


def _reduced_text(name: str, value: str, depth: int) -> object:
    """A number may be text; an object may be nested as text and is reduced like any other."""
    if name in _TEXTS_IN_OBJECTS or (name in _NUMBERS_IN_OBJECTS and _is_number(value)):
        return value if len(value) <= _MAX_TEXT_CHARS else None
    nested = parse(value) if value[:1] == "{" and depth < _MAX_DEPTH else None
    return None if nested is None else _reduced_mapping(nested, depth + 1)


def _is_number(value: str) -> bool:
    return len(value) <= 24 and value.replace(".", "", 1).isdecimal()


def _is_name(name: object) -> bool:
    if not isinstance(name, str) or len(name) > _MAX_KEY_CHARS:
        return False
    return name.replace(".", "_").replace("-", "_").isidentifier()


DEFAULT_PROJECTION: Final = Projection()
"""What the shipped tables read."""
