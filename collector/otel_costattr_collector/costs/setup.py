"""Everything about costs put together for a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from otel_costattr.attribution import OwnerRules
from otel_costattr.costs import NO_COST_RULES, CostRules, names, read_cost_rules
from otel_costattr.errors import BadSettings
from otel_costattr.model import Owner, Span
from otel_costattr.pricing import PriceBook

from ..bookings import Bookings
from ..codec.projection import Projection
from ..ingest.receiver import Submission
from ..metrics import Metrics
from ..settings import Settings
from ..store import Store
from .book import CostBook
from .door import CostDoor, Keep, wanted_with
from .ids import CostIds, in_ledger
from .lines import CostLines


def cost_rules(settings: Settings) -> CostRules:
    """Return the rules that find costs in spans.

    Raises:
        BadSettings: The file cannot be read, or says what no rule can mean.
    """
    path = settings.cost_rules
    if path is None:
        return NO_COST_RULES
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadSettings(f"cost_rules {path}: cannot be read: {error}") from error
    return read_cost_rules(text, source=path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the service does with costs.

    Attributes:
        lines: Prices and attributes them.
        ids: Knows which ids were used.
        book: Takes posted ones.
        wanted: Whether a span is let in.
        owners: The operator's rules for owners.
    """

    lines: CostLines
    ids: CostIds
    book: CostBook
    wanted: Callable[[Span], bool]
    owners: OwnerRules

    def learn(self, spans: Iterable[tuple[Span, str]]) -> None:
        """Remember costs that are on their way to the ledger.

        Args:
            spans: Each with the tenant that its sender's key proved, or `''`.
        """
        self.ids.learn(
            {
                str(span.attributes[names.KEY]): self.lines.content(span, tenant)
                for span, tenant in spans
                if names.KEY in span.attributes
            }
        )

    def submit_before(self, keep: Keep, metrics: Metrics) -> Keep:
        """Return what stands before `keep` and lets each id through once."""
        door = CostDoor(
            keep, self.ids, self.lines, identities=self.owners.identities, metrics=metrics
        )

        async def submit(submission: Submission, weight: int) -> None:
            await door.submit(submission, weight)

        return submit


def open_costs(
    book: PriceBook,
    store: Store,
    bookings: Bookings,
    *,
    owners: OwnerRules,
    projection: Projection,
    rules: CostRules,
    fold: Callable[[Owner, int], Owner],
) -> Costs:
    """Put it together.

    Args:
        book: The prices.
        store: Where the ledger is.
        bookings: Writes it.
        owners: The operator's rules for owners.
        projection: Protects people.
        rules: From `cost_rules`.
        fold: Bounds the values of dimensions.
    """
    lines = CostLines(book, owners=owners, rules=rules, fold=fold)
    ids = CostIds(in_ledger(store))
    return Costs(
        lines=lines,
        ids=ids,
        book=CostBook(bookings, ids, lines, owners=owners, projection=projection),
        wanted=wanted_with(rules),
        owners=owners,
    )
