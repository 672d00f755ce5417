"""One tenant's key against another tenant's rows, through every door of a real process."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from collector.served import Served, repeatedly, serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_costattr_collector.access import KEYS_FILE, create_key, revoke_key
from plain_http import HTTP
from wire import CALL, otlp_json, traces, wire_span

from otel_costattr.model import Attributes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

QUICK = ("--settle-seconds", "0", "--wrapper-settle-seconds", "0")
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# gpt-4o-mini: 1,000 tokens in at 0.15 USD and 200 out at 0.60 USD per million.
PRICE = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
HUSH = "hush-hush"
SESSION = "session-of-globex"
CLAIMS: tuple[Attributes, ...] = (
    {"costattr.tenant": "globex"},
    {"tenant": "globex"},
    {"tenantId": "globex"},
    {"customer_id": "globex"},
    {"tenant.id": "globex"},
    {"entity_type": "customer", "entity_id": "globex"},
    {"entity_type": "tenant", "entity_id": "globex"},
)


@dataclass(frozen=True, slots=True)
class World:
    """A running collector with keys.

    Attributes:
        served: The process.
        keys: What each key is for, to the key.
        data: The data folder.
    """

    served: Served
    keys: Mapping[str, str]
    data: Path

    def post(self, key: str, body: bytes, media_type: str = "application/x-protobuf") -> int:
        """Send OTLP over HTTP and return the status."""
        return HTTP.post(
            f"{self.served.urls['http']}/v1/traces",
            content=body,
            headers={"content-type": media_type, "x-costattr-key": key},
            timeout=30,
        ).status_code

    def export(self, key: str, request: ExportTraceServiceRequest) -> grpc.StatusCode:
        """Send OTLP over gRPC and return the status."""
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        with grpc.insecure_channel(self.served.urls["grpc"].removeprefix("http://")) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
            try:
                call(request.SerializeToString(), metadata=metadata, timeout=30)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
        return grpc.StatusCode.OK

    def get(self, key: str, path: str, *pairs: tuple[str, str], **more: str) -> httpx.Response:
        """Ask the API."""
        return HTTP.get(
            self.served.urls["api"] + path,
            params=(*pairs, *more.items()),
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=30,
        )

    def sql(self, key: str, sql: str) -> httpx.Response:
        """Ask in SQL."""
        return HTTP.post(self.served.urls["sql"], content=sql, auth=("any", key), timeout=30)

    def by_tenant(self, *, calls: int = 0) -> Mapping[str, tuple[int, Decimal]]:
        """Return calls and cost by tenant once there are `calls`; the test's limit ends it."""
        path = "/v1/analytics/costs"
        for answer in repeatedly(lambda: self.get(self.keys["admin"], path, group_by="tenant")):
            assert answer.status_code == 200, answer.text
            body = answer.json()
            if body["total"]["calls"] >= calls:
                return {
                    row["entity_id"]: (row["calls"], Decimal(row["total_cost"]))
                    for row in body["data"]
                }
        raise AssertionError

    def gained(
        self, before: Mapping[str, tuple[int, Decimal]], *, calls: int
    ) -> Mapping[str, tuple[int, Decimal]]:
        """Return what each tenant has more than before, once `calls` came in."""
        now = self.by_tenant(calls=calls + sum(counted for counted, _ in before.values()))
        none = (0, Decimal(0))
        more = {
            tenant: (
                now[tenant][0] - before.get(tenant, none)[0],
                cost - before.get(tenant, none)[1],
            )
            for tenant, (_, cost) in now.items()
        }
        return {tenant: gain for tenant, gain in more.items() if gain != none}


@contextmanager
def running(data: Path) -> Iterator[World]:
    """A collector with a key of each kind for nobody, for acme and for globex."""
    kinds = (("ingest", ""), ("read", ""), ("admin", ""))
    tenants = itertools.product(("ingest", "read"), ("acme", "globex"))
    keys = {
        f"{role} {tenant}".strip(): create_key(
            data / KEYS_FILE,
            name="test",
            role=role,  # type: ignore[arg-type]
            tenant=tenant,
            now_ns=1,
        )[1]
        for role, tenant in (*kinds, *tenants)
    }
    with serving(data, *QUICK) as served:
        yield World(served=served, keys=keys, data=data)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A collector to write to."""
    with running(tmp_path_factory.mktemp("world") / "data") as opened:
        yield opened


def claims(first: int) -> ExportTraceServiceRequest:
    """Spans that claim to be globex in every spelling, one call each."""
    return traces(
        *(
            wire_span({**CALL, **claim, "gen_ai.response.id": f"r{number}"}, number=number)
            for number, claim in enumerate(CLAIMS, start=first)
        ),
        resource={"service.name": "x", "tenant": "globex", "costattr.tenant": "globex"},
    )


def test_a_tenants_key_writes_as_that_tenant_whatever_the_spans_claim(world: World) -> None:
    """Over gRPC, protobuf and JSON alike, each call belongs to the key's tenant."""
    key = world.keys["ingest acme"]
    before = world.by_tenant()

    assert world.export(key, claims(100)) is grpc.StatusCode.OK
    assert world.post(key, claims(200).SerializeToString()) == 200
    assert world.post(key, otlp_json(claims(300)), "application/json") == 200

    calls = 3 * len(CLAIMS)
    assert world.gained(before, calls=calls) == {"acme": (calls, calls * PRICE)}


def test_a_copy_of_another_tenants_spans_takes_nothing_from_it(world: World) -> None:
    """Sending somebody's span and response ids first, or again, leaves their cost where it is."""
    before = world.by_tenant()
    mine, theirs = world.keys["ingest acme"], world.keys["ingest globex"]
    early = traces(wire_span({**CALL, "gen_ai.response.id": "r-1"}, number=1)).SerializeToString()
    late = traces(wire_span({**CALL, "gen_ai.response.id": "r-2"}, number=2)).SerializeToString()

    for key, body in ((mine, early), (theirs, early), (theirs, late), (mine, late)):
        assert world.post(key, body) == 200

    gained = world.gained(before, calls=4)
    assert gained == {"acme": (2, 2 * PRICE), "globex": (2, 2 * PRICE)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One call of acme, and two of globex that carry a word which nobody else may see."""
    secret = {**CALL, "feature": HUSH, "session.id": SESSION, "userId": HUSH, "agent": HUSH}
    with running(tmp_path_factory.mktemp("filled") / "data") as opened:
        for tenant, numbers, attributes in (("acme", (1,), CALL), ("globex", (2, 3), secret)):
            spans = (
                wire_span({**attributes, "gen_ai.response.id": f"r{number}"}, number=number)
                for number in numbers
            )
            body = traces(*spans).SerializeToString()
            assert opened.post(opened.keys[f"ingest {tenant}"], body) == 200
        assert opened.by_tenant(calls=3)["globex"] == (2, 2 * PRICE)
        yield opened


def test_no_answer_of_the_api_shows_another_tenants_rows(filled: World) -> None:
    """Every path of the OpenAPI document, with every trick in every parameter."""
    key = filled.keys["read acme"]
    document = filled.get(filled.keys["admin"], "/openapi.json").json()
    rows = filled.sql(filled.keys["read"], "SELECT line_id FROM ledger WHERE tenant = 'globex'")
    theirs = rows.text.splitlines()
    assert len(theirs) == 2

    answers: defaultdict[str, set[int]] = defaultdict(set)
    for path, parameters in questions(document, line_id=theirs[0]):
        answer = filled.get(key, path, *parameters)
        answers[path].add(answer.status_code)
        assert HUSH not in answer.text, (path, parameters)
        assert SESSION in path or SESSION not in answer.text, (path, parameters)
        assert answer.status_code < 500, (path, parameters, answer.text)
    never = {path: codes for path, codes in answers.items() if 200 not in codes}
    assert never.pop(f"/v1/explain/{theirs[0]}") == {404}
    closed = {path for path, codes in never.items() if codes <= {403, 422}}
    assert {path for path in never.keys() - closed if SESSION not in path} == set()
    assert "/v1/allocations" in closed
    assert "/v1/analytics/costs" in answers.keys() - closed

    for line_id in theirs:
        assert filled.get(key, f"/v1/explain/{line_id}").status_code == 404
        assert filled.get(filled.keys["read globex"], f"/v1/explain/{line_id}").status_code == 200


Pairs = tuple[tuple[str, str], ...]

PERIOD: Pairs = (("start_date", "2026-09-01"), ("end_date", "2026-10-30"))
REQUIRED = {"around": "2026-10-01T00:00Z", "a": "v1", "b": "v2"}
"""What questions cannot do without: an instant, and two versions."""
TRICKS: tuple[Pairs, ...] = (
    (),
    (("format", "csv"),),
    (("group_by", "tenant,feature,user,session"), ("format", "jsonl")),
    (("where", "tenant=globex"),),
    (("where", "tenant=globex"), ("where", "tenant=acme")),
    (("where", "tenant!=acme"),),
    (("where", "tenant="),),
    (("where", "feature!=x' OR '1'='1"),),
    (("entity_type", "tenant"), ("entity_id", "globex")),
    (("entity_type", "feature"), ("group_by", "feature")),
    (("tenant", "globex"),),
)


def questions(document: Any, *, line_id: str) -> Iterator[tuple[str, Pairs]]:
    """Yield each GET of the API with each trick that its parameters allow."""
    for path, methods in document["paths"].items():
        if "get" not in methods or path in {"/healthz", "/readyz"}:
            continue
        parameters = methods["get"].get("parameters", ())
        known = {one["name"] for one in parameters}
        period = PERIOD if "start_date" in known else ()
        needed = tuple(
            (one["name"], REQUIRED[one["name"]])
            for one in parameters
            if one["required"] and one["in"] == "query"
        )
        asked = path.format(line_id=line_id, session=SESSION, digest="0" * 64)
        for trick in TRICKS:
            if {name for name, _ in trick} <= known | {"tenant"}:
                yield asked, (*period, *needed, *trick)


def test_totals_of_one_tenant_hold_nothing_of_another(filled: World) -> None:
    """A reader of acme sees one call whatever it groups by, and is refused another tenant."""
    key = filled.keys["read acme"]

    for group_by in ("tenant", "feature", "session", "model", "feature,user"):
        total = filled.get(key, "/v1/analytics/costs", group_by=group_by).json()["total"]
        assert (total["calls"], Decimal(total["total_cost"])) == (1, PRICE)
    other = filled.get(key, "/v1/analytics/costs", entity_type="tenant", entity_id="globex")
    assert other.status_code == 403


def test_a_tenants_key_asks_nothing_in_sql(filled: World) -> None:
    """Not even for its own rows, not even for 1."""
    for kind in ("read acme", "ingest acme", "ingest"):
        for sql in ("SELECT * FROM ledger", "SELECT 1", "SHOW TABLES", "SELECT * FROM merge('.*')"):
            answer = filled.sql(filled.keys[kind], sql)

            assert answer.status_code == 403
            assert HUSH not in answer.text
    everything = filled.sql(filled.keys["read"], "SELECT feature, session FROM ledger")
    assert HUSH in everything.text
    counted = filled.get("", "/metrics").text
    assert 'costattr_sql_queries_total{outcome="answered"}' in counted
    assert 'costattr_sql_queries_total{outcome="refused"}' in counted


def test_each_role_has_its_doors(world: World) -> None:
    """Senders cannot read, readers cannot send, strangers can do neither."""
    before = world.by_tenant()
    request = traces(wire_span({**CALL, "tenant": "nobody"}, number=900))
    body = request.SerializeToString()
    statuses = {
        kind: (
            world.post(world.keys.get(kind, kind), body),
            world.export(world.keys.get(kind, kind), request),
            world.get(world.keys.get(kind, kind), "/v1/analytics/costs").status_code,
            world.sql(world.keys.get(kind, kind), "SELECT 1").status_code,
        )
        for kind in ("", "guess", "ingest", "read", "admin", "ingest acme", "read acme")
    }

    ok, denied = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
    unknown = grpc.StatusCode.UNAUTHENTICATED
    assert statuses == {
        "": (401, unknown, 401, 401),
        "guess": (401, unknown, 401, 403),
        "ingest": (200, ok, 403, 403),
        "read": (403, denied, 200, 200),
        "admin": (200, ok, 200, 200),
        "ingest acme": (200, ok, 403, 403),
        "read acme": (403, denied, 200, 403),
    }
    # Three keys sent the span twice each: one call of the tenant that it names, and one of acme.
    assert world.gained(before, calls=2) == {"acme": (1, PRICE), "nobody": (1, PRICE)}


def test_a_revoked_key_opens_no_door_any_more(world: World) -> None:
    """A key made while the server runs works at once, and ends at once, at every door."""
    made, key = create_key(world.data / KEYS_FILE, name="new", role="admin", now_ns=1)
    assert world.sql(key, "SELECT 1").status_code == 200

    revoke_key(world.data / KEYS_FILE, made.id, now_ns=1)

    assert world.post(key, b"") == 401
    assert world.export(key, traces(wire_span())) is grpc.StatusCode.UNAUTHENTICATED
    assert world.get(key, "/v1/analytics/costs").status_code == 401
    assert world.sql(key, "SELECT 1").status_code == 403


def test_what_is_open_to_all_names_nobody(filled: World) -> None:
    """Health and metrics need no key and hold no tenant, and the log holds no key."""
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = filled.get("", path)
        assert answer.status_code == 200
        assert "globex" not in answer.text
        assert HUSH not in answer.text

    log = filled.served.log.read_text()
    for key in filled.keys.values():
        assert key not in log
        assert key not in json.dumps([path.name for path in filled.data.rglob("*")])
