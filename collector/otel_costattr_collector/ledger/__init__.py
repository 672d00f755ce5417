"""Ledger rows: from an assessed span to the bytes of one ClickHouse block."""

from __future__ import annotations

from otel_costattr_collector.ledger.amend import (
    amendment_of,
    from_row,
    reversal_of,
    select_list,
)
from otel_costattr_collector.ledger.blocks import (
    MAX_MONTHS,
    MAX_ROWS,
    Block,
    encode,
    split,
)
from otel_costattr_collector.ledger.columns import COLUMNS, Column, Line, as_mapping
from otel_costattr_collector.ledger.costs import CostLine, cost_line_id, line_of_cost
from otel_costattr_collector.ledger.draft import Cost
from otel_costattr_collector.ledger.lines import lines_of, lines_of_all, span_key_of

__all__ = [
    "COLUMNS",
    "MAX_MONTHS",
    "MAX_ROWS",
    "Block",
    "Column",
    "Cost",
    "CostLine",
    "Line",
    "amendment_of",
    "as_mapping",
    "cost_line_id",
    "encode",
    "from_row",
    "line_of_cost",
    "lines_of",
    "lines_of_all",
    "reversal_of",
    "select_list",
    "span_key_of",
    "split",
]
