"""Several hosts of one server: the first is used while it is well, then the next."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from assessed import assessed
from clickhouse_double import Double, serving
from otel_costattr_collector.hosts import Tls, address_of
from otel_costattr_collector.ledger import Block, encode, lines_of
from otel_costattr_collector.schema import Layout
from otel_costattr_collector.store import Store, server

from otel_costattr.errors import BadSettings, RetryableError

PEM = Path(__file__).parents[1] / "access" / "pem"
NOBODY = "127.0.0.1:1"


@pytest.fixture
def replicas(chdb_folder: Path) -> Iterator[tuple[Double, Double]]:
    """Two stand-ins over one engine: what one knows, the other knows."""
    with serving(chdb_folder) as one, serving(chdb_folder) as two:
        yield one, two


def _block() -> Block:
    return encode(lines_of(assessed(1)), batch_id=7, recorded_ns=1)


def _calls(store: Store) -> int:
    calls: int = store.query("SELECT sum(calls) FROM spend_by_session").rows[0][0]
    return calls


def _both(replicas: tuple[Double, Double], store: Store) -> str:
    one, two = replicas
    return f"{one.url},{two.url.removeprefix('http://')}/{store.layout.database}"


def test_the_first_host_is_used_while_it_is_well(
    replicas: tuple[Double, Double], store: Store
) -> None:
    """Nothing goes to the second one."""
    with server(_both(replicas, store)) as remote:
        remote.insert(_block())

        assert [len(replica.inserts) for replica in replicas] == [len(replicas[0].inserts), 0]
        assert replicas[0].inserts


@pytest.mark.parametrize("fault", ["before", "after"])
def test_an_insert_goes_on_where_another_host_failed(
    replicas: tuple[Double, Double], store: Store, fault: str
) -> None:
    """The same bytes and token reach the next host, whatever the first had done: counted once."""
    with server(_both(replicas, store)) as remote:
        replicas[0].faults += [fault] * 8
        remote.insert(_block())
        before = len(replicas[0].inserts)
        remote.insert(_block())

        sent, again = replicas[1].inserts[-2:]
        assert {sent["insert_deduplication_token"], again["insert_deduplication_token"]} == {
            _block().token
        }
        assert len(replicas[0].inserts) == before, "it stays with the host that works"
        assert _calls(remote) == 1


def test_a_host_that_is_down_is_passed_over(
    replicas: tuple[Double, Double], layout: Layout
) -> None:
    """Nobody listens at the first one: reading and writing go to the second."""
    url = f"http://{NOBODY},{replicas[1].url.removeprefix('http://')}/{layout.database}"
    with server(url) as store:
        store.migrate()
        store.insert(_block())

        assert _calls(store) == 1


def test_hosts_that_are_all_down_may_be_retried() -> None:
    """The error names them, without a password."""
    with server(f"http://u:secret@{NOBODY},127.0.0.1:2/db") as store:
        with pytest.raises(RetryableError, match=r"127\.0\.0\.1:1,127\.0\.0\.1:2") as refused:
            store.ping()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@one,two:9000/db",
        "https://u:p@one/db, https://u:p@two:9000/db",
        "https://u:p@one,https://two:9000/db",
    ],
)
def test_hosts_are_written_with_commas_or_as_urls(url: str) -> None:
    """Each way says the same."""
    found = address_of(url)

    assert [host.where for host in found.hosts] == ["one:8443", "two:9000"]
    assert (found.user, found.password, found.database) == ("u", "p", "db")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://a:x@one,http://b:x@two", id="users"),
        pytest.param("http://one/a,http://two/b", id="databases"),
        pytest.param("http://one,,two", id="empty"),
    ],
)
def test_hosts_that_do_not_fit_together_are_refused(url: str) -> None:
    """They are replicas of one thing."""
    with pytest.raises(BadSettings, match="ClickHouse URL"):
        address_of(url)


def test_certificates_need_tls_and_files() -> None:
    """Each refusal says what is missing."""
    with pytest.raises(BadSettings, match="https"):
        server("http://one/db", tls=Tls(ca=PEM / "ca.pem"))
    with pytest.raises(BadSettings, match="no such PEM file"):
        server("https://one/db", tls=Tls(ca=PEM / "nothing.pem"))


def test_a_server_proves_itself_and_asks_us_to(chdb_folder: Path, store: Store) -> None:
    """With our authority and certificate the server is used; without them nothing is sent."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=PEM / "ca.pem")
    context.load_cert_chain(PEM / "server.pem", PEM / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    ours = Tls(ca=PEM / "ca.pem", cert=PEM / "client.pem", key=PEM / "client.key")
    with serving(chdb_folder, tls=context) as secure:
        url = f"{secure.url}/{store.layout.database}"
        with server(url, tls=ours) as remote:
            remote.insert(_block())
            assert _calls(remote) == 1
        for wrong in (Tls(), Tls(ca=PEM / "stranger_ca.pem"), Tls(ca=PEM / "ca.pem")):
            with server(url, tls=wrong) as remote, pytest.raises(RetryableError):
                remote.ping()
