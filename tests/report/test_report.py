"""The report: a table whose totals add up, and formats that programs read."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from assessed import assessed, duplicate, unpriced
from fastapi import FastAPI
from fastapi.testclient import TestClient
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.client import Api
from otel_costattr_collector.ledger import encode, lines_of
from otel_costattr_collector.report import as_csv, as_json, as_table
from otel_costattr_collector.store import Store

from otel_costattr import cli
from otel_costattr.errors import BadInput, BadSettings, PermanentError, RetryableError
from otel_costattr.model import Assessment

CALL = Decimal("0.00027")


def _costs(
    store: Store, store_api: FastAPI, *assessments: Assessment, by: str = "tenant"
) -> dict[str, object]:
    lines = [line for one in assessments for line in lines_of(one)]
    if lines:
        store.insert(encode(lines, batch_id=1, recorded_ns=1))
    with TestClient(store_api) as client:
        body = client.get("/v1/analytics/costs", params={"group_by": by}).json()
    assert isinstance(body, dict)
    return body


@pytest.fixture
def costs(store: Store, store_api: FastAPI) -> dict[str, object]:
    """Two calls of acme, one unpriced call of globex, one call of nobody, one duplicate."""
    first = assessed(1)
    return _costs(
        store,
        store_api,
        first,
        assessed(2),
        unpriced(3, owner={"tenant": "globex"}),
        assessed(4, owner={}),
        duplicate(5, of=first),
    )


def test_the_table_shows_rows_totals_and_what_is_unknown(costs: dict[str, object]) -> None:
    """Every tenant has a row, unknown is a word, and the notes say what the total leaves out."""
    text = as_table(costs)

    assert "acme" in text
    assert str(2 * CALL) in text
    assert "(unknown)" in text
    globex = next(line for line in text.splitlines() if "globex" in line)
    assert "unknown" in globex
    assert "0.0" not in globex
    total = next(line for line in text.splitlines() if "total" in line)
    assert str(3 * CALL) in total
    assert "75.0 % of calls have a price; 75.0 % have a known tenant." in text
    assert "1 call without a price" in text
    assert "1 duplicate spans were recognised" in text


def test_the_csv_has_empty_fields_for_unknown(costs: dict[str, object]) -> None:
    """CSV sums to the total, and an unknown cost is an empty field."""
    rows = list(csv.DictReader(io.StringIO(as_csv(costs))))

    assert {row["tenant"]: row["total_cost"] for row in rows} == {
        "acme": str(2 * CALL),
        "globex": "",
        "": str(CALL),
    }


def test_the_json_is_the_answer(costs: dict[str, object]) -> None:
    """JSON is what the API said."""
    assert json.loads(as_json(costs)) == costs


def test_an_empty_ledger_makes_a_table_that_says_so(store: Store, store_api: FastAPI) -> None:
    """No call is not a cost of 0."""
    text = as_table(_costs(store, store_api))

    assert "No call in this period." in text
    assert "unknown" in text


def test_hostile_names_do_not_reach_the_terminal_as_markup(
    store: Store, store_api: FastAPI
) -> None:
    """A tenant that looks like markup is printed as it is."""
    text = as_table(_costs(store, store_api, assessed(1, owner={"tenant": "[red]x[/nope]"})))

    assert "[red]x[/nope]" in text


def test_several_dimensions_are_several_columns(store: Store, store_api: FastAPI) -> None:
    """The heads name the dimensions, and the notes count calls for which all are known."""
    text = as_table(_costs(store, store_api, assessed(1), by="tenant,feature"))

    assert "Spend by tenant, feature" in text
    assert "0.0 % have a known tenant and feature." in text


def _say_nothing(*_: object) -> None: ...


class _Handler(BaseHTTPRequestHandler):
    answers: list[tuple[int, bytes]]
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        code, body = self.answers.pop(0)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    log_message = _say_nothing  # type: ignore[assignment]


@contextmanager
def _collector(*answers: tuple[int, bytes]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Serve these answers in order; yields the address and what was asked."""
    seen: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Handler,), {"answers": list(answers), "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", seen
        served.shutdown()
        thread.join()


def _run(*words: str) -> int:
    return cli.main(COMMANDS, ["report", *words])


@pytest.mark.parametrize("style", ["table", "csv", "json"])
def test_the_command_asks_a_running_collector(
    costs: dict[str, object], capsys: pytest.CaptureFixture[str], style: str
) -> None:
    """The words of the command become the question, and the key goes in a header."""
    body = json.dumps(costs).encode()
    words = ["--by", "tenant,feature", "--from", "2026-11-01", "--to", "2026-11-30"]
    with _collector((200, body)) as (url, seen):
        code = _run(*words, "--where", "plan=pro", "--url", url, "--key", "k", "--format", style)

    ((path, key),) = seen
    assert code == 0
    assert "acme" in capsys.readouterr().out
    assert key == "Bearer k"
    assert parse_qs(urlsplit(path).query) == {
        "group_by": ["tenant,feature"],
        "measure": ["direct"],
        "where": ["plan=pro"],
        "limit": ["1000"],
        "start_date": ["2026-11-01"],
        "end_date": ["2026-11-30"],
    }


@pytest.mark.parametrize(
    ("words", "asked"), [(["--as-of", "2026-11-01"], ["2026-11-01"]), (["--as-known-now"], None)]
)
def test_as_of_is_asked_for(
    costs: dict[str, object], words: list[str], asked: list[str] | None
) -> None:
    """What was known then is another question than what is known now."""
    with _collector((200, json.dumps(costs).encode())) as (url, seen):
        assert _run(*words, "--url", url) == 0

    assert parse_qs(urlsplit(seen[0][0]).query).get("as_of") == asked


def test_a_refusal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What the collector refuses is said in one line on standard error, exit code 2."""
    with _collector((400, b'{"message": "unknown dimension"}')) as (url, _):
        assert _run("--by", "colour", "--url", url) == 2

    assert capsys.readouterr().err == "costattr report: unknown dimension\n"


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        pytest.param(400, b'{"message": "m"}', BadInput, id="refused"),
        pytest.param(401, b'{"message": "m"}', BadInput, id="no key"),
        pytest.param(503, b'{"message": "m"}', RetryableError, id="not ready"),
        pytest.param(500, b'{"message": "m"}', PermanentError, id="broken"),
        pytest.param(200, b"<html>", PermanentError, id="no collector"),
        pytest.param(200, b"[]", PermanentError, id="no object"),
    ],
)
def test_each_failure_has_its_kind(code: int, body: bytes, error: type[Exception]) -> None:
    """A refusal, an outage and a stranger are different errors."""
    with _collector((code, body)) as (url, _), pytest.raises(error):
        Api(url).get("/v1/analytics/costs")


def test_nobody_at_the_address_says_what_to_do() -> None:
    """Without a collector the message names the address and the way out."""
    with pytest.raises(RetryableError, match="start `costattr serve`"):
        Api("http://127.0.0.1:1").get("/healthz")


@pytest.mark.parametrize("url", ["ftp://x", "localhost:8320", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Only http and https addresses are asked."""
    with pytest.raises(BadSettings, match="--url"):
        Api(url)


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`COSTATTR_URL` and `COSTATTR_KEY` stand in for the options."""
    with _collector((200, b"{}")) as (url, seen):
        monkeypatch.setenv("COSTATTR_URL", f"{url}/")
        monkeypatch.setenv("COSTATTR_KEY", "from-env")
        Api().get("/healthz")

    assert seen == [("/healthz", "Bearer from-env")]
