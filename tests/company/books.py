"""A ledger that every command may be tried on in any order, and what it should say, kept by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from functools import partial
from itertools import count
from typing import Any

from company.explained import every_line
from conftest import emptied
from fastapi.testclient import TestClient
from otel_costattr_collector.amendments.amender import Amender
from otel_costattr_collector.amendments.contracts import Contracts
from otel_costattr_collector.amendments.heads import heads_of_spans
from otel_costattr_collector.audit.auditor import Auditor
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.ingest.assessor import Assessor
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.settling import Pending
from otel_costattr_collector.ledger import encode, split
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store

from otel_costattr.model import Attributes, Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import chat_span
from otel_costattr.usage import read

PLAIN = Decimal("0.00027")
"""1,000 tokens in at 0.15 USD and 200 out at 0.60 USD, by the million."""

RICH = Decimal("0.00024")
"""The same, 400 of the 1,000 read from the cache at 0.075 USD."""

TABLES = ("ledger", "spend_by_tenant_day", "spend_by_feature_15m", "spend_by_session")
DAY, FIRST, LAST, MONTH = "2026-09-21", "2026-09-01", "2026-09-30", "2026-09"
ZERO = Decimal(0)
_PICO = Decimal("1E-12")
RULES = {
    "gpu": 'name="a"\n[[rule]]\nname="gpu"\npool="gpu"\ntarget="tenant"\nbasis="calls"\n',
    "even": 'name="a"\n[[rule]]\nname="gpu"\npool="gpu"\ntarget="tenant"\nbasis="even"\n'
    '[[rule]]\nname="on"\nwhere=["tenant=acme"]\ntarget="feature"\nweights={x=1,y=2,z=4}\n',
    "cost": 'name="b"\n[[rule]]\nname="nobody"\nwhere=["tenant="]\ntarget="tenant"\nbasis="cost"\n'
    'otherwise="idle"\n',
    "free": 'name="c"\n[[rule]]\nname="free"\nwhere=["plan=free"]\ntarget="tenant"\n'
    'value="free_users"\n',
}
_SUMS = (
    "SELECT * FROM ("
    + " UNION ALL ".join(
        f"SELECT {place} AS place, '' AS tenant, sum(t.amount_usd), sum(t.calls) FROM {table} AS t"
        for place, table in enumerate(TABLES)
    )
    + f" UNION ALL SELECT {len(TABLES)}, tenant, sum(amount_usd), sum(calls) FROM ledger"
    " WHERE entry != 'allocation' GROUP BY tenant) ORDER BY place"
)
"""What each table adds up to, and what each tenant caused itself."""

_NUMBERS = count(1)
_TENTH_OFF = '[[discount]]\nprovider = "openai"\npercent = 10\n'
_PLANS = (
    'gates = []\n[customers]\nacme = "pro"\n'
    '[[plans.pro.charge]]\nname = "Usage"\nkind = "margin"\nmargin = 0.3\nby = ["feature"]\n'
)
_STRETCH = {"start_date": FIRST, "end_date": LAST}
ASKED: dict[str, tuple[str, object]] = {
    "allocate --dry-run": (
        "/v1/allocations",
        {"rules": RULES["even"], "first_day": FIRST, "last_day": LAST, "dry_run": True},
    ),
    "budgets": (
        "/v1/budgets",
        {"budgets": [{"id": "b", "amount_usd": "0.01", "period": "month"}]},
    ),
    "invoice": ("/v1/statements", {"customer": "acme", "month": MONTH, "plans": _PLANS}),
    "reprice --dry-run": (
        "/v1/reprice",
        {**_STRETCH, "overlays": [{"text": _TENTH_OFF}], "dry_run": True},
    ),
    "reattribute --dry-run": (
        "/v1/reattribute",
        {"csv": "match,set\ntenant=acme,tenant=other\n", "dry_run": True},
    ),
    "revenue": (
        "/v1/revenue",
        {"revenue": [{"id": "r", "customer": "acme", "period": MONTH, "amount": "5"}]},
    ),
    "what-if": ("/v1/what-if", {**_STRETCH, "model": "gpt-4o"}),
}
Sums = frozenset[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A call as it should stand in the ledger: whose, by whom, and how many per cent off."""

    number: int
    tenant: str
    user: str
    off: int = 0
    rich: bool = False

    @property
    def usd(self) -> Decimal:
        """What it costs, so many per cent off."""
        return (RICH if self.rich else PLAIN) * (100 - self.off) / 100


@dataclass(slots=True, kw_only=True)
class Books:
    """The ledger under test, and what it should say.

    Attributes:
        store: Where the ledger is.
        client: The API over it.
        calls: Number of a call to what should stand of it.
        costs: Tenant and USD of each cost.
        true_ups: USD that bills added.
        closed: What the month adds up to since it is closed; None while it is open.
        assessor: Decides about telemetry, as in the collector.
    """

    store: Store
    client: TestClient
    calls: dict[int, Kept] = field(default_factory=dict)
    costs: list[tuple[str, Decimal]] = field(default_factory=list)
    true_ups: Decimal = ZERO
    closed: Sums | None = None
    assessor: Assessor = field(init=False)

    def __post_init__(self) -> None:
        self.assessor = Assessor(
            book=shipped_book(),
            metrics=Metrics(),
            memory=Memory(max_calls=1000, max_links=1000),
            amender=Amender(
                partial(heads_of_spans, self.store),
                books=Contracts(self.store, shipped_book()).books,
            ),
        )
        emptied(self.store)
        self._bookings.closed.read()

    @property
    def _bookings(self) -> Bookings:
        """What the API books with."""
        found: Bookings = self.client.app.state.bookings  # type: ignore[attr-defined]
        return found

    # --- what may happen, in any order ---------------------------------------------------------
    def arrive(self, tenant: str, user: str, how: str) -> None:
        """Take a call; if it is shared, three features have a part in it."""
        number = next(_NUMBERS)
        split = {"costattr.tag.split.feature": "a=1&b=1&c=1"} if how == "shared" else {}
        plan = "free" if tenant == "tiny" else "pro"
        owner = {"costattr.tenant": tenant, "costattr.user": user, "costattr.plan": plan, **split}
        self._take(chat_span({k: v for k, v in owner.items() if v}, number=number))
        self.calls[number] = Kept(number=number, tenant=tenant, user=user)

    def copy(self, place: int, how: str) -> None:
        """Take a late copy of a call from another library: the same, or with its cache as well."""
        if not self.calls:
            return
        number = sorted(self.calls)[place % len(self.calls)]
        told: Attributes = {"gen_ai.response.id": f"chatcmpl-{number:06d}"}
        if how == "richer":
            told = {**told, "gen_ai.usage.cache_read.input_tokens": 400}
        self._take(chat_span(told, number=next(_NUMBERS), scope_name="another"))
        kept = self.calls[number]
        if how == "richer":  # a price that was booked again stays in force
            self.calls[number] = replace(kept, rich=True)

    def _take(self, span: Span) -> None:
        pending = Pending(
            number=1, place=0, segment=1, received_ns=1, key_tenant="", span=span, call=read(span)
        )
        lines = self.assessor.lines([pending])
        assert not self.assessor.waiting()
        now_ns = self._bookings.clock()
        for group in split(self._bookings.closed.dated(lines, now_ns)):
            batch_id = next(_NUMBERS)
            self.store.insert(encode(group, batch_id=batch_id, recorded_ns=now_ns))
        self.assessor.finish(())

    def cost(self, tenant: str, pool: str, cents: int) -> None:
        """Post a cost, perhaps a shared one."""
        usd = Decimal(cents) / 100
        body = {"id": f"c{next(_NUMBERS)}", "time": f"{DAY}T12:00:00Z", "amount_usd": str(usd)}
        self._post("/v1/costs", [{**body, "tenant": tenant, "pool": pool}])
        self.costs.append((tenant, usd))

    def allocate(self, rules: str) -> None:
        """Run rules over the month."""
        body = {"rules": RULES[rules], "first_day": FIRST, "last_day": LAST}
        self._post("/v1/allocations", body)

    def reverse(self, place: int) -> None:
        """Take back a run, perhaps one that was taken back before."""
        posted = {one["run_id"] for one in self.client.get("/v1/allocations").json()["runs"]}
        known = sorted(posted)
        if known:
            self._post("/v1/allocations/reverse", {"run_id": known[place % len(known)]})

    def reprice(self, percent: int) -> None:
        """Price everything again, some per cent off."""
        text = f'[[discount]]\nprovider = "openai"\npercent = {percent}\n'
        found = self._post("/v1/reprice", {**self._month(), "overlays": [{"text": text}]})
        before = self.total
        for number, kept in self.calls.items():
            self.calls[number] = replace(kept, off=percent)
        assert Decimal(found["total"]["difference_usd"]) == self.total - before

    def reattribute(self, old: str, new: str) -> None:
        """Give what is one tenant's to another."""
        rows = f"match,set\ntenant={old},tenant={new}\n"
        assert self._post("/v1/reattribute", {"csv": rows})["total"]["difference_usd"] == "0"
        for number, kept in self.calls.items():
            if kept.tenant == old:
                self.calls[number] = replace(kept, tenant=new)
        self.costs = [(new if name == old else name, usd) for name, usd in self.costs]

    def true_up(self, cents: int) -> None:
        """Hold a bill for the day against the ledger and book the gap."""
        bill = f"b{next(_NUMBERS)}"
        usd = Decimal(cents) / 10_000
        line = {"day": DAY, "model": "gpt-4o-mini", "amount_usd": str(usd)}
        self._post("/v1/invoices", {"id": bill, "provider": "openai", "lines": [line]})
        found = self._post(
            "/v1/reconcile", {"bill": bill, "first_day": FIRST, "last_day": LAST, "post": True}
        )
        of_calls = sum((kept.usd for kept in self.calls.values()), ZERO)
        assert Decimal(found["gap_usd"]) == usd - of_calls  # true-ups of former bills do not count
        self.true_ups = usd - of_calls

    def erase(self, user: str) -> None:
        """Forget a person."""
        self._post("/v1/privacy/erase", {"value": user})
        for number, kept in self.calls.items():
            if kept.user == user:
                self.calls[number] = replace(kept, user="erased")

    def close(self) -> None:
        """Close the month: from now on its sums stay, whatever is done."""
        self._post("/v1/closings", {"month": MONTH})
        self.closed = self._sums()

    def reopen(self) -> None:
        """Open it again."""
        if self.closed is not None:
            self._post("/v1/closings/reopen", {"month": MONTH})
            self.closed = None

    def audit(self) -> None:
        """Compare the books and mend them: nothing is wrong with them."""
        now_ns = self._bookings.clock() + 3600 * 10**9
        auditor = Auditor(
            self.store, holder="test", clock=lambda: now_ns, closed=self._bookings.closed
        )
        before = self._ledger()
        assert auditor.audit(auditor.recent(hours=1), repair=True).differences == 0
        assert self._ledger() == before

    def ask(self, what: str) -> None:
        """Do what may not change a line."""
        before = self._ledger()
        path, body = ASKED[what]
        self._post(path, body)
        assert self._ledger() == before

    def _ledger(self) -> object:
        """Digest every column of every line."""
        sql = "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM ledger"
        return self.store.query(sql).rows

    def _month(self) -> dict[str, str]:
        return {"start_date": FIRST, "end_date": LAST}

    def _post(self, path: str, body: object) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # --- what must hold after each --------------------------------------------------------------
    @property
    def total(self) -> Decimal:
        """What everything costs."""
        of_calls = sum((kept.usd for kept in self.calls.values()), ZERO)
        return of_calls + sum((usd for _, usd in self.costs), ZERO) + self.true_ups

    def direct(self) -> Mapping[str, Decimal]:
        """What each tenant caused itself."""
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        for kept in self.calls.values():
            found[kept.tenant] += kept.usd
        for tenant, usd in self.costs:
            found[tenant] += usd
        found[""] += self.true_ups
        return {name: usd for name, usd in found.items() if usd}

    def add_up(self) -> None:
        """Check after a step: ledger and rollups have its total and its calls, and tenants theirs."""
        found = self.store.query(_SUMS).rows
        for table, _, usd, calls in found[: len(TABLES)]:
            assert (usd or ZERO, calls) == (self.total, len(self.calls)), TABLES[table]
        assert {tenant: usd for _, tenant, usd, _ in found[len(TABLES) :] if usd} == self.direct()
        if self.closed is not None:
            assert self._sums() == self.closed

    def hold(self) -> None:
        """Check what else must hold in the end: people, reports by any dimension, and ids."""
        assert self._users() == {kept.user for kept in self.calls.values()} | {""}
        for measure in ("direct", "fully_loaded"):
            for dimensions in (
                "tenant",
                "feature",
                "plan,user",
                "model,status",
                "tags.split.feature",
            ):
                self._reported(measure, dimensions)
        self._answered()
        twice = "SELECT line_id FROM ledger GROUP BY line_id HAVING count() > 1"
        assert self.store.query(twice).rows == ()

    def _sums(self) -> Sums:
        """Add the month up by every dimension that nobody may erase."""
        sql = (
            "SELECT tenant, feature, plan, model, status, entry = 'allocation', sum(amount_usd),"
            " sum(calls), sum(lines) FROM ledger WHERE toYYYYMM(event_ns) = 202609 GROUP BY ALL"
        )
        return frozenset(row for row in self.store.query(sql).rows if any(row[-3:]))

    def _users(self) -> set[str]:
        sql = "SELECT user FROM ledger GROUP BY user HAVING sum(calls) > 0"
        return {""} | {user for (user,) in self.store.query(sql).rows}

    def _reported(self, measure: str, dimensions: str) -> None:
        words = {"group_by": dimensions, "measure": measure, "limit": "1000"}
        found = self.client.get("/v1/analytics/costs", params=words).json()
        rows = [Decimal(row["total_cost"]) for row in found["data"] if row["total_cost"]]
        whole = Decimal(found["total"]["total_cost"] or 0)
        assert (sum(rows, ZERO), whole) == (self.total, self.total), (measure, dimensions)

    def _answered(self) -> None:
        """Check the cost of a call by tenant, and what FOCUS makes of calls, costs and bills."""
        of_calls: defaultdict[str, list[Decimal]] = defaultdict(list)
        for kept in self.calls.values():
            of_calls[kept.tenant].append(kept.usd)
        if self.true_ups and of_calls[""]:
            of_calls[""][0] += self.true_ups
        words = {"group_by": "tenant", "measure": "direct"}
        found = self.client.get("/v1/analytics/top", params=words).json()["data"]
        assert {
            row["dimensions"]["tenant"]: Decimal(row["cost_per_call"])
            for row in found
            if row["calls"]
        } == {
            name: (sum(usd, ZERO) / len(usd)).quantize(_PICO, ROUND_DOWN)
            for name, usd in of_calls.items()
            if usd
        }
        charged: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in self.client.get("/v1/exports/focus").json()["data"]:
            charged[row["ChargeCategory"]] += Decimal(row["BilledCost"])
        assert {name: usd for name, usd in charged.items() if usd} == {
            name: usd
            for name, usd in (
                ("Usage", sum((kept.usd for kept in self.calls.values()), ZERO)),
                ("Purchase", sum((usd for _, usd in self.costs), ZERO)),
                ("Adjustment", self.true_ups),
            )
            if usd
        }

    def explain(self) -> None:
        """Ask why each line is there: the product itself, and the API about a few kinds."""
        lines = every_line(self.store, self.client, asked=2)
        assert lines >= len(self.calls) + len(self.costs)
