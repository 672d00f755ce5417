"""A split from any language, from its span to the ledger, with people hashed at the door."""

from __future__ import annotations

from decimal import Decimal

from otel_costattr_collector.allocation.splits import with_splits
from otel_costattr_collector.codec.projection import Projection
from otel_costattr_collector.ledger import as_mapping, lines_of_all

from otel_costattr.assess import assess_all
from otel_costattr.attribution import Identities, OwnerRules, hash_identity
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span

KEY = b"0123456789abcdef"
RULES = OwnerRules(identities=Identities(hashed=frozenset({"user"}), key=KEY, key_id="k1"))
SPLIT = "costattr.tag.split.user"


def test_users_of_a_split_are_hashed_before_anything_is_stored() -> None:
    """The span says u-1 and u-2; what goes on, and the lines of their halves, name digests."""
    reduce = Projection(RULES).reducer(SPLIT)
    assert reduce is not None
    kept = reduce("u-1=1&u-2=1")
    lines = with_splits(
        lines_of_all(assess_all([chat_span({SPLIT: kept})], book=shipped_book(), rules=RULES))
    )

    moved = {one["user"]: one["amount_usd"] for one in map(as_mapping, lines[1:])}
    digests = {hash_identity(name, key=KEY, key_id="k1") for name in ("u-1", "u-2")}
    total = as_mapping(lines[0])["amount_usd"]
    assert isinstance(total, Decimal)
    assert "u-1" not in str(kept)
    assert set(moved) == {"", *digests}
    assert {moved[digest] for digest in digests} == {total / 2}
