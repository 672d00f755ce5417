"""An owner as the `costattr.*` attributes of a span."""

from __future__ import annotations

from typing import Final

from otel_costattr.attribution.names import PREFIX, SOURCE_ATTRIBUTE, TAG_PREFIX
from otel_costattr.model import Owner

_IN_PLACE: Final = frozenset({"local", "span"})


def owner_attributes(owner: Owner) -> dict[str, str]:
    """Return `costattr.<dimension>` and `costattr.tag.<name>` for each value of `owner`.

    `costattr.owner.source` names what was not said in place: one word where all values share a
    source, otherwise `feature=baggage,...`. It is left out where all were said by the application
    or the span itself, which is the usual case and costs nothing then.
    """
    found = {PREFIX + dimension: value for dimension, value in owner.values.items()}
    found |= {TAG_PREFIX + name: value for name, value in owner.tags.items()}
    sources = set(owner.sources.values())
    if sources <= _IN_PLACE:
        return found
    if len(sources) == 1:
        found[SOURCE_ATTRIBUTE] = next(iter(sources))
    else:
        found[SOURCE_ATTRIBUTE] = ",".join(
            f"{target}={source}"
            for target, source in owner.sources.items()
            if source not in _IN_PLACE
        )
    return found
