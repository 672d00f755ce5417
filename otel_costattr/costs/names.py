"""How a cost is written on a span or a log record."""

from __future__ import annotations

from typing import Final

SCOPE: Final = "otel_costattr"
"""The instrumentation scope of our own costs; other emitters may use theirs."""

NAME: Final = "costattr.cost"
"""The name of the span, or of the log event, that tells of a cost."""

ID: Final = "costattr.cost.id"
AMOUNT: Final = "costattr.cost.amount_usd"
TYPE: Final = "costattr.cost.type"
SOURCE: Final = "costattr.cost.source"
METRIC: Final = "costattr.cost.metric"
QUANTITY: Final = "costattr.cost.quantity"
DESCRIPTION: Final = "costattr.cost.description"
POOL: Final = "costattr.cost.pool"
KEY: Final = "costattr.cost.key"
"""Set by the collector's door only: how the ledger names a cost that has an id."""

TEXTS: Final = (ID, TYPE, SOURCE, METRIC, POOL)
"""Attributes that are short texts."""

ALL: Final = (*TEXTS, AMOUNT, QUANTITY, DESCRIPTION, KEY)
"""Every attribute that is read of a cost."""

MAX_CHARACTERS: Final = 256
"""Longest id, type, source, metric or pool."""

MAX_DESCRIPTION_CHARACTERS: Final = 1024
