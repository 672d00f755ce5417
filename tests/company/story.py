"""What finance does in July: commands of the product over the month of June, one after the other."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import time_ns
from typing import Any

from company import plainly, seed, telemetry
from listening import api_at
from otel_costattr_collector.api import create_api
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.plain import decimal_text
from otel_costattr_collector.store import Store
from plain_http import HTTP

from otel_costattr import cli

JUNE = ("--from", str(seed.FIRST), "--to", str(seed.LAST))
DAY_NS = 86_400 * 10**9
CUSTOMERS = (*seed.PRO, *seed.SCALE)
STEPS = ("received", "repriced", "reattributed", "allocated", "trued up")


@dataclass(slots=True, kw_only=True)
class Company:
    """The ledger at the end, and what each command said.

    Attributes:
        store: Where the ledger is.
        url: The API.
        folder: Files that commands read.
        start_ns: When the telemetry was received.
        said: Name of a step to the answer of its command.
        sums: Name of a step to the sum over all lines after it, USD.
        days: How many days after `start_ns` it is.
    """

    store: Store
    url: str
    folder: Path
    start_ns: int
    said: dict[str, Any] = field(default_factory=dict)
    sums: dict[str, Decimal] = field(default_factory=dict)
    days: int = 0

    def clock(self) -> int:
        """Tell the time of the story; each step is days later."""
        return self.start_ns + self.days * DAY_NS

    def run(self, *words: str) -> Any:
        """Run a command against the API, in this process, and return what it printed."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            code = cli.main(COMMANDS, [*words, "--url", self.url])
        assert code == 0, printed.getvalue()
        return printed.getvalue()

    def json(self, *words: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*words, "--json"), parse_float=Decimal)

    def get(self, path: str, **words: object) -> Any:
        """Ask the API."""
        answer = HTTP.get(self.url + path, params=words, timeout=20)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        """Post to the API."""
        answer = HTTP.post(self.url + path, json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def file(self, name: str, text: str) -> str:
        """Write a file that a command reads, and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def query(self, sql: str) -> tuple[tuple[Any, ...], ...]:
        """Ask the engine itself."""
        return tuple(self.store.query(sql).rows)

    def by(self, dimension: str, where: str = "true") -> dict[str, Decimal]:
        """Sum the ledger by a dimension, in the engine."""
        rows = self.query(
            f"SELECT {dimension} AS value, sum(amount_usd) FROM ledger WHERE {where}"
            " GROUP BY value HAVING sum(amount_usd) IS NOT NULL"
        )
        return dict(rows)

    def day_after(self, step: str) -> date:
        """Return the day after a step, before the next one."""
        return _day(self.start_ns + (2 * STEPS.index(step) + 1) * DAY_NS)

    def done(self, step: str, said: object) -> None:
        """Note what a step said, and that it is over."""
        self.said[step] = said
        self.sums[step] = self.query("SELECT sum(amount_usd) FROM ledger")[0][0]
        self.days += 2


def _day(at_ns: int) -> date:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).date()


@contextmanager
def told(store: Store, folder: Path) -> Iterator[Company]:
    """Tell the story and keep the API open."""
    company = Company(store=store, url="", folder=folder, start_ns=time_ns())
    bookings = Bookings(store, clock=company.clock)
    api = create_api(store, bookings=bookings, book=telemetry.book())
    with api_at(api) as url:
        company.url = url
        _receive(company)
        _amend(company)
        _allocate(company)
        _reconcile(company)
        _bill(company)
        yield company


def _receive(company: Company) -> None:
    telemetry.send(company.store, company.folder)
    company.post("/v1/costs", list(_costs()))
    company.done("received", None)


def _costs() -> Iterator[Mapping[str, str]]:
    gpu = ((f"gpu-{day}", day, amount, "gpu") for day, amount in seed.GPU.items())
    others = (
        ("vectors", seed.FIRST, seed.VECTORS, "vectors"),
        ("support", seed.LAST, seed.SUPPORT, "support"),
    )
    for name, day, amount, pool in (*gpu, *others):
        yield {
            "id": name,
            "time": f"{day}T12:00:00Z",
            "amount_usd": str(amount),
            "pool": pool,
            "cost_type": "compute",
            "description": f"{pool} of {day}",
        }


def _amend(company: Company) -> None:
    company.said["early"] = _invoice(company, seed.LATE)
    contract = company.file("contract-2.toml", seed.NEW_CONTRACT)
    words = ("reprice", *JUNE, "--book", contract)
    company.said["reprice --dry-run"] = company.json(*words, "--dry-run")
    company.done("repriced", company.json(*words))
    company.said["reprice again"] = company.json(*words)
    owners = ["match,set,from,to"]
    owners += [
        f"session=mail-{n},tenant={seed.LATE};plan=pro,{seed.FIRST},{seed.LAST}" for n in range(3)
    ]
    late = ("reattribute", "--csv", company.file("owners.csv", "\n".join(owners) + "\n"))
    company.done("reattributed", company.json(*late))
    company.said["reattribute again"] = company.json(*late)


def _allocate(company: Company) -> None:
    rates = f"[[rates]]\ncurrency = 'EUR'\nfirst_day = {seed.FIRST}\nlast_day = {seed.LAST}\n"
    rates += f"usd = '{seed.EUR}'\nsource = 'bank'\n"
    company.run("revenue", "rates", company.file("rates.toml", rates))
    rows = ["id,customer,period,plan,amount,currency"]
    rows += [
        f"{one.id},{one.customer},{one.period},{one.plan},{one.amount},{one.currency}"
        for one in seed.PAID
    ]
    export = company.file("revenue.csv", "\n".join(rows) + "\n")
    company.said["revenue"] = company.run("revenue", "import", export)
    company.post("/v1/outcomes", {"outcomes": list(_outcomes())})
    words = ("allocate", "--rules", company.file("rules.toml", seed.RULES), "--month", "2026-06")
    company.done("allocated", company.json(*words))
    company.said["allocate again"] = company.json(*words)


def _outcomes() -> Iterator[Mapping[str, str]]:
    for customer, count in seed.SOLVED.items():
        for n in range(count):
            yield {
                "id": f"{customer}-{n}",
                "kind": "ticket_resolved",
                "time": "2026-06-28T10:00:00Z",
                "tenant": customer,
                "session": f"support-{customer}-{n}",
            }


def _reconcile(company: Company) -> None:
    names = ("--provider", "openai", "--file", company.file("openai.csv", _openai_bill()))
    openai = ("reconcile", *names, "--month", "2026-06")
    anthropic = (
        *("reconcile", "--provider", "anthropic", "--month", "2026-06"),
        *("--file", company.file("anthropic.json", _anthropic_report())),
    )
    company.said["openai"] = company.json(*openai)
    company.said["anthropic"] = company.json(*anthropic)
    company.done("trued up", company.json(*openai, "--post"))
    company.said["openai again"] = company.json(*openai, "--post")


def _openai_bill() -> str:
    rows = ["day,model,kind,tokens,amount_usd"]
    rows += [
        f"{day},{model},,{tokens},{usd}" for (day, model), (usd, tokens) in plainly.billed().items()
    ]
    day, model, amount = seed.UNSEEN
    rows.append(f"{day},{model},,,{amount}")
    rows.append(f"{seed.LAST},,tax,,{seed.TAX}")
    rows.append(f"{seed.LAST},,credit,,{seed.CREDIT}")
    return "\n".join(rows) + "\n"


def _anthropic_report() -> str:
    """Write pages of the cost report: cents, and days that begin seven hours after those of UTC."""
    data = [
        {
            "starting_at": f"{day}T00:00:00Z",
            "ending_at": f"{day + timedelta(days=1)}T00:00:00Z",
            "results": [
                {
                    "currency": "USD",
                    "amount": decimal_text(usd * 100),
                    "model": "claude-sonnet-4-5-20250929",
                    "description": "Claude Sonnet 4.5 Usage",
                }
            ],
        }
        for day, usd in plainly.claude_by_day(seed.BEHIND).items()
    ]
    return json.dumps({"data": data, "has_more": False})


def _bill(company: Company) -> None:
    for customer in CUSTOMERS:
        company.said[f"invoice {customer}"] = _invoice(company, customer)


def _invoice(company: Company, customer: str) -> Any:
    plans = company.file("plans.toml", seed.PLANS)
    text = company.run("invoice", "--customer", customer, "--month", "2026-06", "--plan", plans)
    return json.loads(text)
