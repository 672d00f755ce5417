"""The gate: who sent this, and what may it do?"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_costattr_collector.access import (
    ANONYMOUS,
    Forbidden,
    Gate,
    Principal,
    Unauthenticated,
    create_key,
    revoke_key,
)
from otel_costattr_collector.access.gate import Action

from otel_costattr.errors import BadSettings

NOW_NS = 1_795_262_400_000_000_000


def basic(text: str) -> str:
    """Return an `Authorization` header of the Basic scheme."""
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """A place for a key file."""
    return tmp_path / "keys.json"


@pytest.fixture
def secret(keys_file: Path) -> str:
    """A key that may ingest for acme alone."""
    return create_key(keys_file, name="app", role="ingest", tenant="acme", now_ns=NOW_NS)[1]


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("authorization", "Bearer {}"),
        ("Authorization", "bearer  {} "),
        ("X-API-Key", "{}"),
        ("x-costattr-key", "{}"),
        ("X-ClickHouse-Key", "{}"),
    ],
)
def test_a_key_is_taken_from_each_header_that_clients_use(
    keys_file: Path, secret: str, name: str, template: str
) -> None:
    """Collectors, scripts and ClickHouse clients all have a header that they can set."""
    gate = Gate(keys_file, open_without_keys=True)

    principal = gate.authenticate({name: template.format(secret)})

    assert (principal.role, principal.tenant, principal.name) == ("ingest", "acme", "app")


@pytest.mark.parametrize("text", ["default:{}", ":{}", "{}:", "{}"])
def test_basic_takes_the_key_as_password_or_as_user(
    keys_file: Path, secret: str, text: str
) -> None:
    """`curl -u KEY:` and a data source's password both work."""
    gate = Gate(keys_file, open_without_keys=False)

    assert gate.authenticate([("authorization", basic(text.format(secret)))]).tenant == "acme"


def test_the_same_key_twice_is_one_key(keys_file: Path, secret: str) -> None:
    """ClickHouse clients may send it in two headers."""
    gate = Gate(keys_file, open_without_keys=False)

    headers = {"authorization": basic(f"u:{secret}"), "x-clickhouse-key": secret}

    assert gate.authenticate(headers).tenant == "acme"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer costattr_0000000000_guess"},
        {"authorization": "Digest abc"},
        {"authorization": "Basic ???"},
        {"authorization": basic("default:")},
        {"authorization": "Basic /w=="},
        {"x-api-key": "a", "x-costattr-key": "b"},
        {"cookie": "key"},
    ],
    ids=[
        "nothing",
        "empty",
        "guess",
        "other scheme",
        "no base64",
        "no password",
        "no text",
        "two",
        "cookie",
    ],
)
@pytest.mark.usefixtures("secret")
def test_whoever_has_no_good_key_is_refused(keys_file: Path, headers: dict[str, str]) -> None:
    """Once a key was made, nobody is let in without one."""
    gate = Gate(keys_file, open_without_keys=True)

    with pytest.raises(Unauthenticated):
        gate.authenticate(headers)


@given(offered=st.text())
def test_no_text_is_a_key(offered: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is sent, it is refused by name, never by an error of ours."""
    keys_file = tmp_path_factory.getbasetemp() / "one-key.json"
    if not keys_file.exists():
        create_key(keys_file, name="app", role="admin", now_ns=NOW_NS)

    with pytest.raises(Unauthenticated):
        Gate(keys_file, open_without_keys=False).authenticate({"x-api-key": offered})


def test_the_id_of_a_key_with_another_secret_is_refused(keys_file: Path, secret: str) -> None:
    """The id is no secret: knowing it helps nobody."""
    gate = Gate(keys_file, open_without_keys=False)

    with pytest.raises(Unauthenticated, match="not known"):
        gate.authenticate({"x-api-key": secret[:-1] + ("A" if secret[-1] != "A" else "B")})


def test_a_refusal_never_repeats_what_was_sent(keys_file: Path, secret: str) -> None:
    """A mistyped key ends up in no log."""
    with pytest.raises(Unauthenticated) as refused:
        Gate(keys_file, open_without_keys=False).authenticate({"x-api-key": f"{secret}x"})

    assert secret not in str(refused.value)


def test_a_revoked_key_is_refused_at_once(keys_file: Path, secret: str) -> None:
    """A running server follows the file without a restart."""
    gate = Gate(keys_file, open_without_keys=False)
    key_id = gate.authenticate({"x-api-key": secret}).key_id

    revoke_key(keys_file, key_id, now_ns=NOW_NS)

    with pytest.raises(Unauthenticated, match="revoked at 2026"):
        gate.authenticate({"x-api-key": secret})


def test_the_first_key_closes_a_server_that_was_open(keys_file: Path) -> None:
    """From the first key on everybody needs one."""
    gate = Gate(keys_file, open_without_keys=True)
    before = gate.authenticate({})

    secret = create_key(keys_file, name="app", role="admin", now_ns=NOW_NS)[1]

    assert before == ANONYMOUS
    assert gate.authenticate({"x-api-key": secret}).role == "admin"
    with pytest.raises(Unauthenticated):
        gate.authenticate({})


def test_revoking_the_last_key_opens_nothing(keys_file: Path, secret: str) -> None:
    """Whoever revokes every key wants nobody in."""
    revoke_key(keys_file, secret.split("_")[1], now_ns=NOW_NS)

    with pytest.raises(Unauthenticated):
        Gate(keys_file, open_without_keys=True).authenticate({})


def test_a_vanished_key_file_opens_nothing(
    keys_file: Path, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Losing the file locks out; it never lets in."""
    gate = Gate(keys_file, open_without_keys=True)

    keys_file.unlink()

    with pytest.raises(Unauthenticated):
        gate.authenticate({"x-api-key": secret})
    assert "is gone" in caplog.text


def test_a_broken_key_file_leaves_the_former_keys_in_force(
    keys_file: Path, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An editor's typing error loses no telemetry."""
    gate = Gate(keys_file, open_without_keys=False)

    keys_file.write_text("{")

    assert gate.authenticate({"x-api-key": secret}).tenant == "acme"
    assert "keys of before stay in force" in caplog.text


def test_a_broken_key_file_keeps_a_server_from_starting(keys_file: Path) -> None:
    """At the start there are no former keys, so the file must be right."""
    keys_file.write_text("{")

    with pytest.raises(BadSettings):
        Gate(keys_file, open_without_keys=True)


def test_binary_metadata_is_passed_over(keys_file: Path, secret: str) -> None:
    """GRPC sends bytes under names that end in -bin."""
    gate = Gate(keys_file, open_without_keys=False)

    metadata: list[tuple[str, str | bytes]] = [("trace-bin", b"\x00"), ("x-api-key", secret)]

    assert gate.authenticate(metadata).tenant == "acme"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:4318"},
        {"host": "127.0.0.1"},
        {"host": "[::1]:8123"},
        {"host": "costattr.localhost:8320", "origin": "http://localhost:3000"},
        {"host": "127.0.0.1", "authorization": basic("default:")},
    ],
)
def test_without_keys_the_loopback_address_is_open(
    keys_file: Path, headers: dict[str, str]
) -> None:
    """Trying it out takes no key."""
    assert Gate(keys_file, open_without_keys=True).authenticate(headers) == ANONYMOUS


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:8123"},
        {"host": "127.0.0.1:8123", "origin": "https://evil.example"},
        {"host": "127.0.0.1:8123", "origin": "null"},
        {"host": "127.0.0.1:8123", "sec-fetch-site": "cross-site"},
        {"host": "[bad"},
    ],
    ids=["rebound name", "other page", "sandboxed page", "picture in a page", "no host"],
)
def test_without_keys_a_web_page_reaches_nothing(keys_file: Path, headers: dict[str, str]) -> None:
    """A page that somebody visits cannot ask the server on the same machine."""
    with pytest.raises(Unauthenticated):
        Gate(keys_file, open_without_keys=True).authenticate(headers)


def test_a_server_that_strangers_reach_is_never_open(keys_file: Path) -> None:
    """Without keys and without the loopback rule nobody is let in."""
    with pytest.raises(Unauthenticated):
        Gate(keys_file, open_without_keys=False).authenticate({"host": "localhost"})


@pytest.mark.parametrize(
    ("role", "tenant", "rights"),
    [
        ("ingest", "", {"ingest"}),
        ("read", "", {"read", "sql"}),
        ("admin", "", {"ingest", "read", "sql", "admin"}),
        ("ingest", "acme", {"ingest"}),
        ("read", "acme", {"read"}),
        ("admin", "acme", {"ingest", "read"}),
    ],
)
def test_a_role_carries_these_rights_and_no_others(
    role: str, tenant: str, rights: set[Action]
) -> None:
    """The table of rights; a key of one tenant never asks in SQL."""
    principal = Principal(key_id="1", name="x", role=role, tenant=tenant)  # type: ignore[arg-type]
    actions: tuple[Action, ...] = ("ingest", "read", "sql", "admin")

    assert rights == {action for action in actions if principal.may(action)}
    for action in set(actions) - rights:
        with pytest.raises(Forbidden, match=action):
            principal.require(action)
    for action in rights:
        principal.require(action)
