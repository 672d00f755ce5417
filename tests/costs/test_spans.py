"""Costs among telemetry: from the door to the ledger, once each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from otel_costattr_collector.codec import Decoder
from otel_costattr_collector.codec.projection import Projection
from otel_costattr_collector.costs.door import CostDoor, wanted_with
from otel_costattr_collector.costs.ids import CostIds
from otel_costattr_collector.costs.lines import CostLines
from otel_costattr_collector.costs.setup import cost_rules
from otel_costattr_collector.errors import Overloaded
from otel_costattr_collector.ingest import Submission
from otel_costattr_collector.ingest.assessor import Assessor
from otel_costattr_collector.ingest.cardinality import OTHER, Fold
from otel_costattr_collector.ingest.memory import Memory
from otel_costattr_collector.ingest.settling import pending_of
from otel_costattr_collector.journal import SpansRecord
from otel_costattr_collector.ledger import as_mapping
from otel_costattr_collector.metrics import Metrics
from otel_costattr_collector.settings import Settings
from wire import CALL, NOW_NS, logs, pairs, traces, wire_span

from otel_costattr.attribution.identities import PLAIN
from otel_costattr.costs import NO_COST_RULES, CostRules, is_cost, read_cost_rules
from otel_costattr.errors import BadSettings, RetryableError
from otel_costattr.model import Attributes, Span
from otel_costattr.pricing import shipped_book
from otel_costattr.testing import START_NS
from otel_costattr.usage import read

SEARCH = '[[cost]]\nname="search"\nwhen={"gen_ai.tool.name"="web*"}\nusd="0.01"\n'
QUERY = '[[cost]]\nname="query"\nwhen={"db.system.name"="pinecone"}\nusd="0.5"\n'


def decoded(*spans: WireSpan, rules: CostRules = NO_COST_RULES) -> tuple[Span, ...]:
    """Return what comes in through the door."""
    decoder = Decoder(wanted=wanted_with(rules), reducer=Projection(also=rules.attributes).reducer)
    body = traces(*spans).SerializeToString()
    return decoder.decode("traces", body, "protobuf", now_ns=NOW_NS).spans


def cost(number: int = 1, **told: str | int) -> WireSpan:
    """Build a cost of 2 USD of acme on the wire."""
    attributes: Attributes = {
        "costattr.tenant": "acme",
        **{f"costattr.cost.{name}": value for name, value in ({"amount_usd": "2"} | told).items()},
    }
    return wire_span(attributes, number=number, name="costattr.cost")


def assessed(
    spans: Sequence[Span], rules: CostRules = NO_COST_RULES, *, limit: int = 50_000
) -> list[dict[str, Any]]:
    """Return the ledger lines of spans, with so many values of a dimension in a day."""
    fold = Fold(limit=limit, zone="UTC", metrics=Metrics())
    assessor = Assessor(
        book=shipped_book(),
        metrics=Metrics(),
        memory=Memory(max_calls=10, max_links=10),
        costs=CostLines(shipped_book(), rules=rules, fold=fold.owner),
        fold=fold,
    )
    record = SpansRecord(number=1, received_ns=NOW_NS, key_tenant="", spans=tuple(spans))
    items = pending_of(record, 1)
    for item in items:
        item.call = None if is_cost(item.span) else read(item.span)
    return [dict(as_mapping(line)) for line in assessor.lines(items)]


def test_a_recorded_cost_is_one_line_and_no_call() -> None:
    """The call of the same trace is a call, the cost beside it a cost."""
    spans = decoded(wire_span(CALL, number=1), cost(2, type="compute", description="GPU"))

    call, line = assessed(spans)

    assert (call["entry"], call["calls"]) == ("call", 1)
    assert (line["entry"], line["calls"], line["lines"]) == ("cost", 0, 1)
    assert (line["amount_usd"], line["other_usd"], line["tenant"]) == (2, 2, "acme")
    assert (line["cost_type"], line["description"]) == ("compute", "GPU")
    assert (line["trace_id"], line["service_name"]) == (spans[1].trace_id, "tests")
    assert line["duration_ns"] is None


def test_costs_and_calls_share_the_limit_of_values() -> None:
    """A feature beyond it is `__other__` on a cost as on a call; what it costs is what it costs."""
    spans = decoded(
        *(
            wire_span(
                {"costattr.feature": f"f{n}", "costattr.cost.amount_usd": "2"},
                number=n,
                name="costattr.cost",
            )
            for n in (1, 2, 3)
        )
    )

    wide, narrow = assessed(spans), assessed(spans, limit=1)

    assert [line["feature"] for line in wide] == ["f1", "f2", "f3"]
    assert [line["feature"] for line in narrow] == ["f1", OTHER, OTHER]
    for name in ("amount_usd", "line_id", "provenance"):
        assert [line[name] for line in wide] == [line[name] for line in narrow]


def test_a_log_record_may_tell_of_a_cost() -> None:
    """Without ids of its own it is known by what it says."""
    told = {"costattr.cost.amount_usd": "3", "costattr.session": "s-1"}
    records = [
        LogRecord(time_unix_nano=START_NS, event_name="costattr.cost", attributes=pairs(extra))
        for extra in (told, told | {"costattr.session": "s-2"})
    ]
    body = logs(*records).SerializeToString()
    spans = Decoder(wanted=wanted_with(NO_COST_RULES)).decode(
        "logs", body, "protobuf", now_ns=NOW_NS
    )

    lines = assessed(spans.spans)

    assert [(line["session"], line["amount_usd"]) for line in lines] == [("s-1", 3), ("s-2", 3)]
    assert len({line["line_id"] for line in lines}) == 2


def test_rules_find_costs_in_tools_and_databases() -> None:
    """A tool that is GenAI and a query that is none each cost what their rule says."""
    rules = read_cost_rules(SEARCH + QUERY, source="costs.toml")
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "web_search"}
    query: Attributes = {"db.system.name": "pinecone", "db.query.text": "secret"}
    wire = [
        wire_span(tool, number=1, name="execute_tool web_search"),
        wire_span(query, number=2, name="query"),
        wire_span({"db.system.name": "redis"}, number=3, name="GET"),
    ]

    spans = decoded(*wire, rules=rules)
    lines = assessed(spans, rules)

    assert [span.name for span in spans] == ["execute_tool web_search", "query"]
    assert "db.query.text" not in spans[1].attributes
    found = [line for line in lines if line["entry"] == "cost"]
    assert [(line["price_rule"], line["amount_usd"]) for line in found] == [
        ("rule search", Decimal("0.01")),
        ("rule query", Decimal("0.5")),
    ]
    assert found[1]["rates"] == {"spans": "0.5/1"}
    assert [span.name for span in decoded(*wire)] == ["execute_tool web_search"]


def test_a_model_call_costs_by_no_rule() -> None:
    """What is priced as a call is not paid twice."""
    rules = read_cost_rules(QUERY.replace("db.system.name", "gen_ai.provider.name"), source="c")
    rules = replace(
        rules, rules=(replace(rules.rules[0], when={"gen_ai.provider.name": "openai"}),)
    )
    lines = assessed(decoded(wire_span(CALL), rules=rules), rules)
    assert [line["entry"] for line in lines] == ["call"]


def test_an_amount_that_no_column_holds_is_unpriced() -> None:
    """A rule's product of 1e12 USD has a reason, like any mistake."""
    rules = read_cost_rules(
        QUERY.replace('usd="0.5"', 'usd="999999999999"\nquantity="n"'), source="c"
    )
    wire = wire_span({"db.system.name": "pinecone", "n": 2}, name="query")
    (line,) = assessed(decoded(wire, rules=rules), rules)
    assert (line["amount_usd"], line["status"], line["reason"]) == (None, "unpriced", "bad_amount")


class _Kept:
    """Keeps what goes on, or fails."""

    def __init__(self, *failures: Exception) -> None:
        self.spans: list[Span] = []
        self.failures = list(failures)

    async def keep(self, submission: Submission, weight: int) -> None:
        """Take spans."""
        assert weight == len(submission.spans)
        if self.failures:
            raise self.failures.pop()
        self.spans += submission.spans


def door_to(kept: _Kept, ids: CostIds, metrics: Metrics | None = None) -> CostDoor:
    """Build the door."""
    return CostDoor(
        kept.keep,
        ids,
        CostLines(shipped_book()),
        identities=PLAIN,
        metrics=metrics or Metrics(),
    )


def send(door: CostDoor, *spans: WireSpan, tenant: str = "") -> None:
    """Send spans through the door."""
    found = decoded(*spans)
    submission = Submission(spans=found, received_ns=NOW_NS, key_tenant=tenant)
    asyncio.run(door.submit(submission, len(found)))


def test_an_id_goes_on_once_whoever_tells_of_it() -> None:
    """In one request, in a later one, and under another tenant's key it is another cost."""
    kept, metrics = _Kept(), Metrics()
    door = door_to(kept, CostIds(lambda _: {}), metrics)

    send(door, cost(1, id="a"), wire_span(CALL, number=9), cost(2, id="a"), cost(3))
    send(door, cost(4, id="a"), cost(5, id="b"))
    send(door, cost(6, id="a", amount_usd="3"))
    send(door, cost(7, id="a"), tenant="acme")

    assert [int(span.span_id, 16) for span in kept.spans] == [1, 9, 3, 5, 7]
    lines = assessed(kept.spans)
    assert {line["source_key"] for line in lines} == {"", "cost:a", "cost:b", "cost@acme:a"}
    count = metrics.registry.get_sample_value
    assert count("costattr_costs_total", {"outcome": "duplicate"}) == 2
    assert count("costattr_costs_total", {"outcome": "conflict"}) == 1


def test_an_id_that_the_ledger_knows_does_not_go_on() -> None:
    """What was booked before the last start is known."""
    kept = _Kept()
    known = CostLines(shipped_book()).content(decoded(cost(1, id="a"))[0])
    send(door_to(kept, CostIds(lambda keys: dict.fromkeys(keys, known))), cost(8, id="a"))
    assert kept.spans == []


def test_what_could_not_be_kept_may_come_again() -> None:
    """An id is taken only with its span; memory is bounded."""
    kept = _Kept(Overloaded("later"))
    ids = CostIds(lambda _: {}, limit=1)
    door = door_to(kept, ids)
    with pytest.raises(Overloaded):
        send(door, cost(1, id="a"))
    send(door, cost(1, id="a"))
    ids.learn({"cost:b": "x"})
    send(door, cost(2, id="a"))
    assert len(kept.spans) == 2


def test_a_ledger_that_does_not_answer_is_told_to_the_sender() -> None:
    """Nothing goes on."""

    def silent(_: Sequence[str]) -> dict[str, str]:
        raise RetryableError("no answer")

    kept = _Kept()
    with pytest.raises(RetryableError):
        send(door_to(kept, CostIds(silent)), cost(1, id="a"))
    assert kept.spans == []


def test_files_that_the_settings_name_are_read_or_refused(tmp_path: Path) -> None:
    """A missing file is named."""
    rules = tmp_path / "costs.toml"
    rules.write_text(QUERY)
    settings = Settings(cost_rules=rules)

    assert [rule.name for rule in cost_rules(settings).rules] == ["query"]
    assert cost_rules(Settings()) == NO_COST_RULES
    with pytest.raises(BadSettings, match="cannot be read"):
        cost_rules(Settings(cost_rules=tmp_path / "no"))
