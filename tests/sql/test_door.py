"""Where the SQL door opens."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from otel_costattr_collector import sql_port
from otel_costattr_collector.servers import listen
from otel_costattr_collector.settings import Settings
from pydantic import SecretStr

from otel_costattr.errors import BadSettings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_the_default_port_gives_way_to_a_free_one(
    taken: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A ClickHouse server on the same machine keeps nobody from starting."""
    monkeypatch.setattr(sql_port, "SQL_PORT", taken)

    opened = sql_port.sql_socket(Settings())

    assert opened is not None
    with opened:
        assert opened.getsockname()[1] != taken
    assert f"sql_port = {taken}: cannot listen" in caplog.text


def test_a_port_that_was_asked_for_is_that_port_or_none(taken: int) -> None:
    """Whoever names a port means it."""
    with pytest.raises(BadSettings, match=f"sql_port = {taken}"):
        sql_port.sql_socket(Settings(sql_port=taken))


@pytest.mark.parametrize(
    "settings",
    [Settings(sql=False, sql_port=0), Settings(clickhouse=SecretStr("http://h"), sql_port=0)],
    ids=["switched off", "a server has its own"],
)
def test_no_door_opens_where_none_is_wanted(settings: Settings) -> None:
    """A ClickHouse server speaks for itself, with its own users and rights."""
    assert sql_port.sql_socket(settings) is None


def test_answers_are_not_held_back_for_40_ms() -> None:
    """Connections send small pieces at once: asyncio sees to it only on some sockets."""
    with (
        listen("127.0.0.1", 0, name="sql_port") as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
