"""The watch: thresholds and odd days are told once, signed, to a real receiver, restarts included."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from assessed import assessed, priced
from otel_costattr_collector.budgets.anomalies import Anomalies, judged
from otel_costattr_collector.budgets.book import BudgetBook
from otel_costattr_collector.budgets.records import Budget
from otel_costattr_collector.budgets.watch import Watch
from otel_costattr_collector.budgets.webhooks import Messenger, webhooks_of
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.store import Store
from typing_extensions import override

from otel_costattr.errors import BadSettings

DAY_NS = 86_400 * 10**9
NOW_NS = int(datetime(2026, 10, 16, 12, tzinfo=UTC).timestamp()) * 10**9
YESTERDAY = date(2026, 10, 15)
SECRET = b"a secret of both"


class Receiver:
    """Remembers what it was sent; answers with `codes` one after the other, then 200."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    def texts(self, path: str) -> list[str]:
        """The texts that came to a path and were accepted."""
        return [json.loads(body)["text"] for at, _, body in self.seen if at == path]


@contextmanager
def _receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = receiver.codes.pop(0) if receiver.codes else 200
            if code == 200:
                receiver.seen.append((self.path, dict(self.headers.items()), body))
            self.send_response(code)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real HTTP server."""
    with _receiving() as found:
        yield found


def _watch(store: Store, receiver: Receiver, metrics: Metrics, waits: list[float]) -> Watch:
    webhooks = webhooks_of(f"slack={receiver.url}/slack, json={receiver.url}/json")
    messenger = Messenger(
        store,
        webhooks,
        metrics=metrics,
        secret=SECRET,
        clock=lambda: NOW_NS,
        sleep=waits.append,
    )
    return Watch(store, metrics, messenger, now_ns=lambda: NOW_NS)


def _spend(store: Store, *costs: tuple[int, str], batch: int = 1) -> None:
    lines = [
        line
        for number, (days, amount) in enumerate(costs, start=batch * 1000)
        for line in lines_of(
            assessed(
                number,
                owner={"tenant": "acme"},
                start_ns=NOW_NS - days * DAY_NS,
                price=priced({"input": 1_000_000}, {"input": Decimal(amount)}),
            )
        )
    ]
    store.insert(encode(lines, batch_id=batch, recorded_ns=NOW_NS))


def _set(store: Store, amount: str = "10") -> None:
    BudgetBook(store).take([Budget(id="b", amount_usd=Decimal(amount))])


def test_each_threshold_is_told_once_for_each_address_and_restart(
    store: Store, receiver: Receiver
) -> None:
    """6 of 10 USD: 50 % twice, for two addresses; a new watch is silent; at 9 USD it tells 80 %."""
    metrics, waits = Metrics(), list[float]()
    _set(store)
    _spend(store, (1, "6"))
    assert _watch(store, receiver, metrics, waits).look() == 2
    assert _watch(store, receiver, metrics, waits).look() == 0
    _spend(store, (2, "3"), batch=2)
    assert _watch(store, receiver, metrics, waits).look() == 2

    assert [text.split(":")[0] for text in receiver.texts("/slack")] == [
        "Budget b has reached 50 %",
        "Budget b has reached 80 %",
    ]
    page = metrics.page().decode()
    assert 'costattr_budget_spent_ratio{budget="b"} 0.9' in page
    assert 'costattr_notifications_total{outcome="sent"} 4.0' in page


def test_what_is_sent_is_signed_and_named(store: Store, receiver: Receiver) -> None:
    """The signature covers time and body; plain JSON carries all facts under its delivery id."""
    _set(store)
    _spend(store, (1, "6"))
    _watch(store, receiver, Metrics(), []).look()
    path, headers, body = next(one for one in receiver.seen if one[0] == "/json")
    told = json.loads(body)
    signed = hmac.new(SECRET, f"{NOW_NS // 10**9}.".encode() + body, sha256).hexdigest()

    assert (path, headers["X-Costattr-Timestamp"]) == ("/json", str(NOW_NS // 10**9))
    assert headers["X-Costattr-Signature"] == f"v1={signed}"
    assert told["id"] == headers["X-Costattr-Delivery"]
    assert (told["kind"], told["facts"]["spent"], told["facts"]["threshold_percent"]) == (
        "budget", "6", "50",
    )  # fmt: skip
    assert list(json.loads(receiver.seen[0][2])) in (["text"], sorted(told))


def test_a_receiver_that_is_busy_is_asked_again(store: Store, receiver: Receiver) -> None:
    """503 and 429 are waited for, with a delay before each new try."""
    waits: list[float] = []
    _set(store)
    _spend(store, (1, "6"))
    receiver.codes = [503, 429]

    assert _watch(store, receiver, Metrics(), waits).look() == 2
    assert len(waits) == 2


@pytest.mark.parametrize("codes", [[400], [302], [503] * 5], ids=str)
def test_a_refusal_is_counted_and_tried_with_the_next_look(
    store: Store, receiver: Receiver, codes: list[int]
) -> None:
    """One of two addresses refuses: the other is told now, this one later; no redirect is followed."""
    metrics = Metrics()
    _set(store)
    _spend(store, (1, "6"))
    receiver.codes = list(codes)

    assert _watch(store, receiver, metrics, []).look() == 1
    assert 'notifications_total{outcome="failed"} 1.0' in metrics.page().decode()
    assert _watch(store, receiver, metrics, []).look() == 1


def test_nobody_there_is_no_error(store: Store) -> None:
    """The address is wrong: counted as failed."""
    with _receiving() as gone:
        pass
    _set(store)
    _spend(store, (1, "6"))

    assert _watch(store, gone, Metrics(), []).look() == 0


def test_without_webhooks_nothing_is_sent(store: Store) -> None:
    """The figures are shown all the same."""
    metrics = Metrics()
    _set(store)
    watch = Watch(store, metrics, Messenger(store, (), metrics=metrics), now_ns=lambda: NOW_NS)

    assert watch.look() == 0
    assert 'costattr_budget_spent_ratio{budget="b"} 0.0' in metrics.page().decode()


def test_an_odd_day_is_found_kept_and_told_once(store: Store, receiver: Receiver) -> None:
    """20 USD on a Thursday after eight Thursdays of 4: tenant and model, nothing for the feature ''."""
    _spend(store, (1, "20"), *((1 + 7 * week, "4") for week in range(1, 9)))
    watch = _watch(store, receiver, Metrics(), [])

    assert watch.look() == 6  # tenant, model and the unknown feature, to two addresses
    assert watch.look() == 0
    assert "Tenant acme cost far more than usual on 2026-10-15: 20.00 USD, 4.00 USD are usual." in (
        receiver.texts("/slack")
    )
    kept = Anomalies(store).kept(None, None)
    assert {(one.dimension, one.value, one.days) for one in kept} == {
        ("tenant", "acme", 8), ("feature", "", 8), ("model", "gpt-4o-mini", 8),
    }  # fmt: skip


def _history(costs: list[str]) -> dict[date, Decimal]:
    """Costs of days, the last of them yesterday."""
    days = (YESTERDAY - timedelta(days=n) for n in range(len(costs)))
    return dict(zip(days, map(Decimal, reversed(costs)), strict=True))


@pytest.mark.parametrize(
    ("costs", "score", "basis"),
    [
        pytest.param(["10"] * 56 + ["13"], "6", "weekday", id="3 over, spread 0.5"),
        pytest.param(["10"] * 56 + ["11.7"], None, "", id="3.4 spreads"),
        pytest.param(["10"] * 56 + ["5"], "-10", "weekday", id="far less"),
        pytest.param(["0.1"] * 56 + ["0.9"], None, "", id="less than a dollar"),
        pytest.param(["10"] * 7 + ["13"], "6", "days", id="a week is enough"),
        pytest.param(["10"] * 6 + ["99"], None, "", id="six days are not"),
        pytest.param(["0"] * 56 + ["2"], "7", "weekday", id="out of nothing"),
    ],
)
def test_a_day_is_judged_by_its_own_history(
    costs: list[str], score: str | None, basis: str
) -> None:
    """Medians of 10 USD with no scatter: a spread is a twentieth, 0.50 USD."""
    found = judged(_history(costs), YESTERDAY, dimension="tenant", value="acme")

    assert (found is None) == (score is None)
    if found is not None:
        assert round(found.score, 9) == Decimal(score or 0)
        assert found.basis == basis


def test_one_odd_week_does_not_hide_the_next() -> None:
    """A median is not moved by one day of 1,000 USD, as a mean would be."""
    costs = ["10"] * 57
    costs[-8] = "1000"
    history = _history([*costs[:-1], "30"])

    assert judged(history, YESTERDAY, dimension="model", value="m") is not None


@pytest.mark.parametrize("words", ["ftp://x", "slack=nowhere", "json="])
def test_an_address_that_is_none_is_refused(words: str) -> None:
    """By its place in the list: it may hold a secret."""
    with pytest.raises(BadSettings, match=r"the 1\. is no address"):
        webhooks_of(words)


def test_an_address_without_a_shape_is_plain_json() -> None:
    """Signs of equality in it are its own."""
    (found,) = webhooks_of("https://example.com/a?key=1,")

    assert (found.shape, found.url) == ("json", "https://example.com/a?key=1")
