"""An owner as the `costattr.*` attributes of a span."""

from __future__ import annotations

from otel_costattr.attribution.names import PREFIX, SOURCE_ATTRIBUTE, TAG_PREFIX
from otel_costattr.model import Owner


def owner_attributes(owner: Owner) -> dict[str, str]:
    """Return `costattr.<dimension>` and `costattr.tag.<name>` for each value of `owner`.

    `costattr.owner.source` says where they were found: one word where all share a source,
    otherwise `tenant=local,feature=baggage,...`; it is left out where all came from the span.
    """
    found = {PREFIX + dimension: value for dimension, value in owner.values.items()}
    found |= {TAG_PREFIX + name: value for name, value in owner.tags.items()}
    sources = set(owner.sources.values())
    if len(sources) == 1 and sources != {"span"}:
        found[SOURCE_ATTRIBUTE] = next(iter(sources))
    elif len(sources) > 1:
        found[SOURCE_ATTRIBUTE] = ",".join(
            f"{target}={source}" for target, source in owner.sources.items()
        )
    return found
