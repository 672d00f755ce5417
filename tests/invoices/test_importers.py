"""Files of providers: each format becomes the same lines, and what is none is refused."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from otel_costattr_collector.invoices.importers import read_bill

from otel_costattr.errors import BadInput

DAY = date(2026, 10, 5)
OPENAI = {
    "object": "page",
    "data": [
        {
            "object": "bucket",
            "start_time": 1791158400,
            "end_time": 1791244800,
            "results": [
                {
                    "amount": {"value": 0.06, "currency": "usd"},
                    "line_item": "gpt-4o-mini-2024-07-18, batch input",
                    "project_id": "proj_1",
                }
            ],
        }
    ],
    "has_more": False,
}
ANTHROPIC = {
    "data": [
        {
            "starting_at": "2026-10-05T00:00:00Z",
            "ending_at": "2026-10-06T00:00:00Z",
            "results": [
                {
                    "amount": "123.45",
                    "currency": "USD",
                    "model": "claude-haiku-4-5",
                    "service_tier": "standard",
                    "workspace_id": "wrkspc_1",
                    "description": "Input tokens",
                }
            ],
        }
    ],
    "has_more": False,
}
FILES = {
    "openai": (json.dumps(OPENAI), ("gpt-4o-mini-2024-07-18", "proj_1", "usage", "batch", "0.06")),
    "anthropic": (
        json.dumps([ANTHROPIC]),
        ("claude-haiku-4-5", "wrkspc_1", "usage", "", "1.2345"),
    ),
    "focus": (
        (
            "ChargePeriodStart,ChargeCategory,BilledCost,BillingCurrency,SubAccountId,ResourceName,"
            "ConsumedQuantity,ConsumedUnit\n"
            "2026-10-05T00:00:00Z,Usage,1.5,USD,acct,nova-pro,1000,Tokens\n"
        ),
        ("nova-pro", "acct", "usage", "", "1.5"),
    ),
    "cur": (
        (
            "lineItem/UsageStartDate,lineItem/LineItemType,lineItem/UnblendedCost,lineItem/UsageType,"
            "lineItem/UsageAccountId,product/model\n"
            "2026-10-05T10:00:00Z,Tax,0.25,USE1-batch-tokens,4711,nova-pro\n"
        ),
        ("nova-pro", "4711", "tax", "batch", "0.25"),
    ),
    "azure": (
        (
            "Date,MeterCategory,MeterName,CostInBillingCurrency,BillingCurrency,ResourceGroup,ChargeType\n"
            "10/05/2026,Cognitive Services,gpt-4o-mini,2.50,USD,prod,Usage\n"
        ),
        ("gpt-4o-mini", "prod", "usage", "", "2.5"),
    ),
    "csv": (
        "day,model,project,kind,tier,amount_usd,tokens\n2026-10-05,m,p,credit,flex,-3,\n",
        ("m", "p", "discount", "flex", "-3"),
    ),
}


@pytest.mark.parametrize("recognised", [True, False])
@pytest.mark.parametrize("form", FILES)
def test_each_format_is_read(form: str, *, recognised: bool) -> None:
    """Day, model, project, kind, tier and amount, whether the format is named or recognised."""
    text, expected = FILES[form]
    (line,) = read_bill(text, "auto" if recognised else form)

    model, project, kind, tier, amount = expected
    assert (line.day, line.model, line.project) == (DAY, model, project)
    assert (line.kind, line.tier, line.amount_usd) == (kind, tier, Decimal(amount))


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("", "auto", "no known format"),
        ("a,b\n1,2\n", "auto", "no known format"),
        ("day,amount_usd\n", "csv", "no line in it"),
        ("day,amount_usd\n2026-10-05,much\n", "csv", "cannot be read as csv"),
        ("day,amount_usd,currency\n2026-10-05,1,EUR\n", "csv", "in EUR"),
        (json.dumps({**OPENAI, "has_more": True}), "auto", "fetch every page"),
        ("{}", "openai", "cannot be read as openai"),
    ],
)
def test_what_is_no_bill_is_refused(text: str, form: str, message: str) -> None:
    """The message names the file and what is wrong with it."""
    with pytest.raises(BadInput, match=r"^bill\.csv: ") as refusal:
        read_bill(text, form, source="bill.csv")

    assert message in str(refusal.value)
