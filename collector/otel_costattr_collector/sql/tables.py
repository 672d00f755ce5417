"""Which tables of the schema users may read; a test holds that each one is in one of the lists."""

from __future__ import annotations

from typing import Final

READABLE: Final = frozenset(
    {
        "audits",
        "ledger",
        "outcomes",
        "anomalies",
        "budgets",
        "closed_months",
        "currency_rates",
        "revenue",
        "token_metrics",
        "spend_by_tenant_day",
        "spend_by_feature_15m",
        "spend_by_session",
    }
)
INTERNAL: Final = frozenset(
    {
        "schema_migrations",
        "leases",
        "bills",
        "notifications",
        "price_contracts",
        "statements",
        "spend_by_tenant_day_feed",
        "spend_by_feature_15m_feed",
        "spend_by_session_feed",
    }
)
