"""Every command over one ledger, in any order: sums stay what they are, and every line explains itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from company.books import ASKED, RULES, Books
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.api import create_api
from otel_costattr_collector.bookings import Bookings
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.privacy.erasure import Eraser
from otel_costattr_collector.privacy.router import privacy_router
from otel_costattr_collector.store import Store

from otel_costattr.attribution import Identities

pytestmark = pytest.mark.no_cover  # the same lines as other tests, many times over

NOW_NS = int(datetime(2026, 11, 15, tzinfo=UTC).timestamp()) * 10**9
TENANTS = ["acme", "globex", "tiny", ""]
USERS = ["anna", "ben", ""]
PLACES = range(10)


def _one_of(name: str, *choices: Iterable[object]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Make a step of any of its arguments; as one choice it is soon made simpler."""
    return st.sampled_from([*product([name], *choices)])


STEPS = st.one_of(
    _one_of("arrive", TENANTS, USERS, ["shared", "alone"]),
    _one_of("copy", PLACES, ["richer", "equal"]),
    _one_of("cost", TENANTS, ["", "gpu"], range(-500, 10_000)),
    _one_of("allocate", sorted(RULES)),
    _one_of("reverse", PLACES),
    _one_of("reprice", [0, 10, 33]),
    _one_of("reattribute", TENANTS[:-1], TENANTS[:-1]),
    _one_of("true_up", range(100)),
    _one_of("erase", USERS[:-1]),
    st.sampled_from([("close",), ("reopen",), ("audit",)]),
    _one_of("ask", sorted(ASKED)),
)
CHANGING: Mapping[str, str] = {
    "serve": "arrive, copy, cost",
    "allocate": "allocate, reverse",
    "reprice": "reprice",
    "reattribute": "reattribute",
    "reconcile": "true_up",
    "erase": "erase",
    "close": "close",
    "reopen": "reopen",
    "audit": "audit",
}
"""Command that books lines, or decides how they are dated, to what is tried of it here."""

LOOKING = frozenset(
    {
        *("price", "prices", "assess", "attribution", "doctor", "status", "report", "compare"),
        *("triage", "review", "quality", "export", "completion", "explain", "migrate", "closed"),
        *("budgets", "margins", "revenue", "what-if", "invoice", "verify", "vault", "keys"),
    }
)
"""Commands that book no line; those that write anything at all are among `ASKED`."""

ELSEWHERE: Mapping[str, str] = {
    "retain": "tests/store/test_retention.py",
    "parked": "tests/ingest/test_parked_command.py",
}
"""Command that makes the ledger shorter or longer by design, and where its sums are held."""

START: list[tuple[Any, ...]] = [
    ("arrive", "acme", "anna", "shared"),
    ("arrive", "tiny", "ben", "alone"),
    ("cost", "", "gpu", 1001),
    ("cost", "acme", "", 207),
]


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """The API with every command."""
    seconds = count(NOW_NS // 10**9)
    api = create_api(store, bookings=Bookings(store, clock=lambda: next(seconds) * 10**9))
    api.include_router(privacy_router(Eraser(store, Identities()), None))
    with TestClient(api) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(4 * settings().max_examples)  # 120 s, or longer in a nightly run
@settings(
    max_examples=settings().max_examples // 6,
    deadline=None,
    # An order takes a second: one that fails is made shorter, and neither varied nor others with it.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=2, max_size=6))
def test_whatever_is_done_in_whatever_order_the_books_add_up(
    client: TestClient, store: Store, words: list[tuple[Any, ...]]
) -> None:
    """After each step ledger, rollups and reports say what a model in plain Python says."""
    _done(Books(store=store, client=client), words)


ORDERS: dict[str, list[tuple[Any, ...]]] = {
    "an owner from a file, a new price, then a copy that tells more": [
        ("reattribute", "acme", "globex"),
        ("reprice", 10),
        ("copy", 0, "richer"),
    ],
    "a person is erased, then a copy that tells more": [
        ("erase", "anna"),
        ("reprice", 10),
        ("copy", 0, "richer"),
    ],
    "allocated, owned otherwise, allocated again, taken back": [
        ("allocate", "gpu"),
        ("reattribute", "acme", "tiny"),
        ("allocate", "free"),
        ("allocate", "gpu"),
        ("reverse", 1),
        ("reverse", 0),
    ],
    "billed, priced otherwise, billed again": [
        ("true_up", 50),
        ("reprice", 33),
        ("allocate", "cost"),
        ("true_up", 50),
    ],
    "closed, then everything that is learned later, then opened": [
        ("allocate", "gpu"),
        ("close",),
        ("arrive", "globex", "ben", "shared"),
        ("cost", "acme", "", 621),
        ("copy", 0, "richer"),
        ("reprice", 10),
        ("reattribute", "acme", "globex"),
        ("true_up", 50),
        ("allocate", "gpu"),
        ("audit",),
        ("reopen",),
        ("reprice", 33),
    ],
    "what only looks": [("ask", what) for what in sorted(ASKED)],
    "there and back again": [
        ("reprice", 10),
        ("reattribute", "acme", "globex"),
        ("reprice", 0),
        ("reattribute", "globex", "acme"),
    ],
    "a cost that is owned otherwise is no call that has a price": [
        ("cost", "tiny", "", 621),
        ("arrive", "tiny", "ben", "alone"),
        ("true_up", 40),
        ("reprice", 33),
        ("reattribute", "tiny", "globex"),
        ("reprice", 10),
        ("ask", "what-if"),
    ],
    "a shared cost that is owned otherwise, allocated and closed": [
        ("cost", "tiny", "gpu", -45),
        ("cost", "acme", "gpu", 621),
        ("allocate", "gpu"),
        ("reattribute", "acme", "tiny"),
        ("close",),
        ("reattribute", "tiny", "globex"),
        ("reprice", 33),
        ("allocate", "even"),
        ("audit",),
    ],
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders_that_are_easily_got_wrong(client: TestClient, store: Store, order: str) -> None:
    """The same promises, where one command meets what another one left."""
    _done(Books(store=store, client=client), ORDERS[order])


def _done(books: Books, words: list[tuple[Any, ...]]) -> None:
    for name, *arguments in [*START, *words]:
        getattr(books, name)(*arguments)
        books.add_up()
    books.hold()
    books.explain()


def test_no_command_is_forgotten() -> None:
    """Each one is tried above, books nothing, or has its sums held by another file."""
    names = {command.name for command in COMMANDS}
    assert names == {*CHANGING, *LOOKING, *ELSEWHERE}
    assert all((Path(__file__).parents[2] / path).exists() for path in ELSEWHERE.values())
    tried = {step for steps in CHANGING.values() for step in steps.split(", ")}
    assert all(callable(getattr(Books, step)) for step in tried)
