"""A person is forgotten under every key, and no total moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from assessed import assessed
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_costattr_collector.api import create_api
from otel_costattr_collector.commands import erase
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.owner_rules import old_keys
from otel_costattr_collector.privacy.erasure import Eraser, Erasure
from otel_costattr_collector.privacy.router import privacy_router
from otel_costattr_collector.settings import Settings
from otel_costattr_collector.store import Store
from pydantic import SecretStr

from otel_costattr.attribution import Identities, hash_identity
from otel_costattr.errors import BadInput, BadSettings

OLD, NEW = b"an old secret of ours", b"a new secret of ours"
KEYS = Identities(hashed=frozenset({"user"}), key=NEW, key_id="k2")
ANNA = (
    "anna",
    hash_identity("anna", key=OLD, key_id="k1"),
    hash_identity("anna", key=NEW, key_id="k2"),
)
SUMS = "SELECT sum(lines), sum(calls), sum(amount_usd), sum(input_tokens), groupUniqArray(line_id)"


def fill(store: Store, users: list[str], *, batch_id: int = 1) -> None:
    """Book one call of each user."""
    made = [
        assessed(batch_id * 1000 + n, owner={"tenant": f"t{n % 2}", "user": one})
        for n, one in enumerate(users)
    ]
    lines = [line for one in made for line in lines_of(one)]
    store.insert(encode(lines, batch_id=batch_id, recorded_ns=1))


def sums(store: Store) -> list[object]:
    """Ask for everything that may not change."""
    whole = [
        sorted(x) if isinstance(x, list) else x for x in store.query(f"{SUMS} FROM ledger").rows[0]
    ]
    by = store.query("SELECT tenant, sum(amount_usd) FROM ledger GROUP BY tenant ORDER BY tenant")
    return [whole, *by.rows]


def eraser(store: Store) -> Eraser:
    """Know both keys."""
    return Eraser(store, KEYS, old_keys=[("k1", OLD)])


def test_a_person_is_gone_under_every_key_and_totals_stay(store: Store) -> None:
    """Plain, and hashed with the old and the new key; others stay."""
    fill(store, [*ANNA, "ben", ""])
    before = sums(store)

    counted = eraser(store).erase(Erasure(value="anna", dry_run=True))
    done = eraser(store).erase(Erasure(value="anna"))
    again = eraser(store).erase(Erasure(value="anna"))

    assert (counted.lines, counted.left) == (3, 3)
    assert (done.lines, done.left, again.lines) == (3, 0, 0)
    assert sums(store) == before
    users = store.query(
        "SELECT user, count() FROM ledger AS l GROUP BY l.user AS user ORDER BY user"
    )
    assert list(users.rows) == [("", 1), ("ben", 1), ("erased", 3)]


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(users=st.lists(st.sampled_from([*ANNA, "ben", "erased", ""]), min_size=1, max_size=8))
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_whoever_is_erased_sums_are_the_same(store: Store, users: list[str]) -> None:
    """Over any ledger, in any order."""
    taken = store.query("SELECT count() FROM ledger").rows[0][0]
    fill(store, users, batch_id=int(taken) + 1)
    before = sums(store)
    assert eraser(store).erase(Erasure(value="anna")).left == 0
    assert sums(store) == before


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    """The API with one call of anna."""
    fill(store, ["anna"])
    api = create_api(store)
    api.include_router(privacy_router(eraser(store), None))
    with TestClient(api) as opened:
        yield opened


def test_it_is_asked_for_by_http(client: TestClient) -> None:
    """Nobody is refused, somebody is erased."""

    def post(**wanted: object) -> tuple[int, object]:
        answer = client.post("/v1/privacy/erase", json=wanted)
        return answer.status_code, answer.json()

    assert post(value="erased")[0] == 400
    assert post(value="anna") == (200, {"lines": 1, "left": 0, "dry_run": False})
    assert post(value="anna", dimension="tenant")[0] == 422


def test_keys_of_before_are_read_or_refused() -> None:
    """Each is an id and a secret that protects something."""
    known = Settings(hash_old_keys=SecretStr(f"k1={OLD.decode()}, k0={NEW.decode()}"))
    assert old_keys(known) == (("k1", OLD), ("k0", NEW))
    assert old_keys(Settings()) == ()
    with pytest.raises(BadSettings):
        old_keys(Settings(hash_old_keys=SecretStr("k1=short")))
    with pytest.raises(BadInput):
        Eraser(None, Identities()).erase(Erasure(value=" "))  # type: ignore[arg-type]
    assert erase.__doc__
