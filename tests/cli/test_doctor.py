"""What the doctor says of calls that were assessed together."""

from __future__ import annotations

from decimal import Decimal

from otel_costattr.assess import assess_all
from otel_costattr.cli.doctor import examine
from otel_costattr.model import Attributes
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span

CACHED: Attributes = {"gen_ai.usage.cache_read.input_tokens": 400}


def test_an_assumed_convention_is_worth_the_cached_tokens() -> None:
    """Were the cache on top, 400 more tokens had cost 0.15 USD a million."""
    book = shipped_book()
    span = chat_span(CACHED, scope_name="mine")

    (patient,) = examine(assess_all([span], book=book), book=book)

    stake = patient.findings["convention_assumed"].stake_usd
    assert stake == 400 * Decimal("0.15") / 10**6


def test_a_copy_is_no_patient() -> None:
    """Only what counts is examined."""
    book = shipped_book()
    same: Attributes = {**CACHED, "gen_ai.response.id": "chatcmpl-000001"}
    spans = (chat_span(same), chat_span(same, number=2, scope_name="framework"))

    (patient,) = examine(assess_all(spans, book=book), book=book)

    assert patient.calls == 1
