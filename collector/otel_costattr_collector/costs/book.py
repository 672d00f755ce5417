"""Posted costs: all of a request or none of it, each id once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, Field

from otel_costattr.attribution import DEFAULT_RULES, OwnerRules
from otel_costattr.costs import read_cost
from otel_costattr.errors import BadInput
from otel_costattr.model import Owner, Span

from ..access.errors import Forbidden
from ..bookings import Bookings
from ..codec.projection import Projection
from ..events.spans import key_of
from ..ledger import cost_line_id
from ..outcomes import Conflict
from .ids import Claimed, CostIds
from .lines import CostLines, content_of, key_identity
from .posted import PostedCost, span_of


class CostsTaken(BaseModel):
    """What became of them."""

    accepted: int = Field(description="Booked now.")
    duplicates: int = Field(description="Known already, with the same content.")
    lines: list[str] = Field(description="Ledger line of each cost, for `costattr explain`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    cost: PostedCost
    key: str
    span: Span
    owner: Owner
    content: str


class CostBook:
    """Books posted costs; for any number of threads.

    Args:
        bookings: Brings lines into the ledger.
        ids: Knows which ids were used.
        lines: Prices and attributes.
        owners: The operator's rules for owners.
        projection: Protects people; None for one of these rules.
    """

    def __init__(
        self,
        bookings: Bookings,
        ids: CostIds,
        lines: CostLines,
        *,
        owners: OwnerRules = DEFAULT_RULES,
        projection: Projection | None = None,
    ) -> None:
        self._bookings: Final = bookings
        self._ids: Final = ids
        self._lines: Final = lines
        self._identities: Final = owners.identities
        self._projection: Final = projection or Projection(owners)

    def take(self, posted: Sequence[PostedCost], *, tenant: str = "") -> CostsTaken:
        """Book those that are new; all of them or, after a refusal, none.

        Args:
            posted: The costs.
            tenant: The only tenant that the sender may write as, or `''` for all.

        Raises:
            BadInput: A time or an owner is none.
            Conflict: An id is known, or comes twice here, with other content.
            Forbidden: One belongs to another tenant.
            StoreError: The ledger cannot be written now; nothing was booked.
        """
        offers: dict[str, _Offer] = {}
        for cost in posted:
            offer = self._offer(cost, tenant)
            if offers.setdefault(offer.key, offer).content != offer.content:
                raise Conflict(f"cost {cost.id!r} comes twice with different content")
        claimed = self._claimed(offers)
        new = [offer for key, offer in offers.items() if key in claimed.new]
        lines = [
            self._lines.line(
                read_cost(offer.span), offer.span, offer.owner, key_identity(offer.key)
            )
            for offer in new
        ]
        try:
            self._bookings.book(lambda: lines)
        except BaseException:
            self._ids.release(claimed.new)
            raise
        return CostsTaken(
            accepted=len(new),
            duplicates=len(posted) - len(new),
            lines=[cost_line_id("cost", *key_identity(key)) for key in offers],
        )

    def _claimed(self, offers: dict[str, _Offer]) -> Claimed:
        contents = {key: offer.content for key, offer in offers.items()}
        claimed = self._ids.claim(contents, all_or_none=True)
        for key in sorted(claimed.other):
            raise Conflict(f"cost {offers[key].cost.id!r} is known with other content")
        return claimed

    def _offer(self, cost: PostedCost, tenant: str) -> _Offer:
        if tenant and cost.tenant not in {"", tenant}:
            raise Forbidden(f"this key writes costs of tenant {tenant!r} only")
        key = key_of(cost.id, tenant, self._identities, kind="cost")
        span = span_of(cost, key=key, projection=self._projection)
        owner = self._lines.owner(span, tenant)
        for name, refusal in owner.refused.items():
            raise BadInput(f"cost {cost.id!r}: {name} is refused: {refusal}")
        content = content_of(read_cost(span), owner)
        return _Offer(cost=cost, key=key, span=span, owner=owner, content=content)
