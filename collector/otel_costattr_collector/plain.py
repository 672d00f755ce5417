"""Numbers and moments as plain text, the same in every answer and in every table."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal


def decimal_text(amount: Decimal) -> str:
    """Write a decimal plainly, without exponent and needless zeros."""
    words = f"{amount:f}"
    return (words.rstrip("0").rstrip(".") if "." in words else words) or "0"


def moment_text(moment: date | datetime) -> str:
    """Write a day as `2026-11-21`, an instant as `2026-11-21T15:00:00Z`."""
    if isinstance(moment, datetime):
        return f"{moment.replace(tzinfo=None).isoformat()}Z"
    return moment.isoformat()
