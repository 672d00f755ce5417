"""The pages on margins and budgets are true: their files are read, their code runs."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from otel_costattr_collector.budgets.records import read_budgets
from otel_costattr_collector.margins.review import read_plans
from otel_costattr_collector.revenue.exports import read_export, read_map, read_rates
from otel_costattr_collector.revenue.records import Revenues

import otel_costattr.guard

DOCS = Path(__file__).parents[2] / "docs"


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def test_the_files_of_margins_are_read(tmp_path: Path) -> None:
    """The rate, the map of Stripe and the plans say what the page says."""
    rates, stripe, plans = (tmp_path / name for name in ("rates.toml", "stripe.toml", "plans.toml"))
    for path, text in zip((rates, stripe, plans), _blocks("margins.md", "toml"), strict=True):
        path.write_text(text)
    (found,) = read_export(
        "id,Customer ID,Amount,Currency,Price ID,Period Start (UTC),Period End (UTC),Status\n"
        "in_1,cus_1,4900,eur,price_9,2026-10-01 00:00,2026-11-01 00:00,paid\n",
        read_map(stripe),
    )

    assert read_rates(rates).rates[0].usd == Decimal("1.0850")
    assert (found.customer, found.plan, found.amount) == ("acme", "pro", Decimal(49))
    assert read_plans(plans)["pro"].allowance_calls == 50_000


def test_the_record_of_revenue_is_one() -> None:
    """The JSON of the page is what the API takes."""
    (text,) = _blocks("margins.md", "json")

    assert Revenues.model_validate_json(text).revenue[0].customer == "acme"


def test_the_file_of_budgets_is_read(tmp_path: Path) -> None:
    """500 USD a month with three thresholds."""
    path = tmp_path / "budgets.toml"
    path.write_text(_blocks("budgets.md", "toml")[0])
    (budget,) = read_budgets(path).budgets

    assert budget.checked().amount_usd == 500
    assert [one.action for one in budget.thresholds] == ["warn", "degrade", "block"]


def test_the_guard_of_the_page_runs_without_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """It allows the call, and nothing is raised."""
    asked: list[object] = []

    def nobody(_url: str, _key: str) -> object:
        def fetch(report: object) -> object:
            asked.append(report)
            raise OSError("nobody there")

        return fetch

    monkeypatch.setattr(otel_costattr.guard, "over_http", nobody)
    (code,) = _blocks("budgets.md", "python")
    names: dict[str, object] = {}
    exec(compile(code, "docs/budgets.md", "exec"), names)  # noqa: S102 - our own documentation

    assert names["model"] == "gpt-4o"
    assert asked
