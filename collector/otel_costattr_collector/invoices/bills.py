"""Bills of providers: the lines that a bill consists of, whatever file they came in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from otel_costattr.errors import BadInput
from otel_costattr_collector.inputs import InputTable
from otel_costattr_collector.outcomes import Taken
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store

Kind = Literal["usage", "tax", "discount"]
Name = Annotated[str, Field(max_length=256)]
MAX_BILL_LINES: Final = 100_000
_COLUMNS: Final[Mapping[str, str]] = {
    "provider": "LowCardinality(String)",
    "first_day": "Date",
    "last_day": "Date",
    "total_usd": "Decimal(38, 12)",
    "lines": "String",
}
_ONE: Final = "SELECT provider, lines FROM bills WHERE id = {id:String} LIMIT 1"


class BillLine(BaseModel):
    """One line of a bill."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date = Field(description="Day of the provider's calendar.")
    model: Name = Field(default="", description="As the provider spells it; '' for none.")
    project: Name = Field(default="", description="Project, workspace or account; '' for none.")
    kind: Kind = "usage"
    tier: Name = Field(default="", description="Service tier; '' or standard for the usual one.")
    amount_usd: Annotated[Decimal, Field(max_digits=24, decimal_places=12)]
    tokens: Annotated[int, Field(ge=0)] | None = Field(default=None, description="If it says.")
    description: Annotated[str, Field(max_length=1024)] = ""


class Bill(BaseModel):
    """A bill of a provider."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f:]+$")] = Field(
        description="Posting the same id with the same lines again changes nothing."
    )
    provider: Annotated[str, Field(min_length=1, max_length=64)]
    lines: Annotated[list[BillLine], Field(min_length=1, max_length=MAX_BILL_LINES)]


class BillBook:
    """Keeps bills, each once.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._table: Final = InputTable(store, "bills", _COLUMNS, what="bill")

    def take(self, bill: Bill) -> Taken:
        """Keep a bill.

        Raises:
            Conflict: The id is known with other content.
            StoreError: The store refused or did not answer.
        """
        return self._table.take([(bill.id, bill)], lambda places: [_row(bill) for _ in places])

    def read(self, name: str) -> tuple[str, Sequence[BillLine]]:
        """Return provider and lines of a bill.

        Raises:
            BadInput: There is no such bill.
            StoreError: The store refused or did not answer.
        """
        rows = self._store.query(_ONE, {"id": name}).rows
        if not rows:
            raise BadInput(f"there is no bill {name!r}: post it to /v1/invoices first")
        provider, lines = rows[0]
        return provider, [BillLine.model_validate(line) for line in json.loads(lines)]


def _row(bill: Bill) -> dict[str, Any]:
    days = [line.day for line in bill.lines]
    return {
        "provider": bill.provider,
        "first_day": min(days),
        "last_day": max(days),
        "total_usd": sum((line.amount_usd for line in bill.lines), Decimal(0)),
        "lines": json.dumps([_plain(line) for line in bill.lines]),
    }


def _plain(line: BillLine) -> dict[str, Any]:
    amount = {"amount_usd": decimal_text(line.amount_usd)}
    return line.model_dump(mode="json", exclude_defaults=True) | amount
