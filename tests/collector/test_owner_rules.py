"""Owner rules from a file, contracts over prices, and what a bad one says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import run, serving
from otel_costattr_collector.owner_rules import owner_rules
from otel_costattr_collector.settings import Settings
from wire import CALL, traces, wire_span

from otel_costattr.attribution import owner_of
from otel_costattr.errors import BadSettings
from otel_costattr.testing import chat_span

RULES = """
tag_attributes = ["cost_center"]

[aliases]
"acme.customer" = "tenant"
"user.id" = "employee"

[baggage]
cust = "tenant"

[defaults]
environment = "production"

[[rule]]
when = { "service.name" = "batch-*" }
values = { team = "data" }
tags = { kind = "batch" }
"""


def test_a_file_adds_to_what_is_shipped(tmp_path: Path) -> None:
    """Its aliases go before the shipped ones, its keys beside them; rules and defaults come last."""
    path = tmp_path / "owners.toml"
    path.write_text(RULES)
    rules = owner_rules(Settings(owner_rules=path))

    owner = owner_of(
        chat_span(
            {"acme.customer": "acme", "user.id": "e-1", "userId": "u-1", "cost_center": 12},
            resource={"service.name": "batch-7"},
        ),
        rules=rules,
    )

    assert owner.values == {
        "tenant": "acme",
        "employee": "e-1",
        "user": "u-1",
        "team": "data",
        "environment": "production",
    }
    assert owner.tags == {"cost_center": "12", "kind": "batch"}
    assert rules.baggage["cust"] == "tenant"
    assert rules.baggage["promptVersion"] == "prompt_version"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("x", "cannot be read as TOML", id="no-toml"),
        pytest.param("alias = {}", "the file has no key 'alias': use aliases, ", id="unknown"),
        pytest.param("[aliases]\na = 'b'", "'a' is to mean 'b': use one of tenant", id="dimension"),
        pytest.param("[aliases]\na = 3", "aliases: a = 3 is no text", id="number"),
        pytest.param("aliases = 3", "aliases is no table of names", id="no-table"),
        pytest.param("tag_attributes = [1]", "tag_attributes is no list of names", id="tags"),
        pytest.param("rule = 1", "write [[rule]]", id="no-list"),
        pytest.param("[[rule]]\nvalues = {team = 'x'}", "rule 1: an owner rule without", id="when"),
        pytest.param("[[rule]]\nif = 1", "rule 1 has no key 'if': use when", id="rule-key"),
        pytest.param("[defaults]\ntenant = ''", "tenant is empty", id="empty-default"),
    ],
)
def test_a_bad_file_is_refused_with_file_and_place(text: str, words: str, tmp_path: Path) -> None:
    """Nothing of it holds; the sentence says where to look."""
    path = tmp_path / "owners.toml"
    path.write_text(text)

    with pytest.raises(BadSettings) as refused:
        owner_rules(Settings(owner_rules=path))

    assert words in str(refused.value)
    assert "owners.toml" in str(refused.value)


def test_baggage_can_be_off() -> None:
    """At an edge that strangers call, bare baggage names say nothing."""
    span = chat_span({"tenant": "claimed"})

    assert owner_of(span, rules=owner_rules(Settings())).values == {"tenant": "claimed"}
    assert owner_of(span, rules=owner_rules(Settings(trust_baggage=False))).values == {}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_collector_prices_by_contract_and_finds_owners_by_rule(tmp_path: Path) -> None:
    """Half the rate, a team by rule, no tenant from baggage; the line says under which book."""
    contract = tmp_path / "contract.toml"
    contract.write_text('[[discount]]\nprovider = "openai"\npercent = 50\n')
    owners = tmp_path / "owners.toml"
    owners.write_text('[[rule]]\nwhen = { "service.name" = "tests" }\nvalues = { team = "t" }\n')
    options = (
        *("--price-overlay", str(contract), "--owner-rules", str(owners)),
        *("--trust-baggage", "false", "--settle-seconds", "0"),
    )
    with serving(tmp_path / "data", *options) as served:
        served.post(traces(wire_span({**CALL, "tenant": "claimed"})).SerializeToString())
        costs = served.settled(calls=1, group_by="team,tenant")
        line = served.get("/v1/calls").json()["data"][0]["line_id"]
        explained = served.get(f"/v1/explain/{line}").json()

    full = (1000 * Decimal("0.15") + 200 * Decimal("0.60")) / 1_000_000
    assert Decimal(costs["total"]["total_cost"]) == full / 2
    assert costs["data"][0]["dimensions"] == {"team": "t", "tenant": ""}
    assert Decimal(explained["units"][0]["rate"].partition("/")[0]) == Decimal("0.075")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--price-overlay", '[[discount]]\nprovider = "opnai"\npercent = 5\n', "discount 1"),
        ("--owner-rules", "[aliases]\na = 'b'\n", "'a' is to mean 'b'"),
    ],
)
def test_a_bad_file_stops_the_start(option: str, text: str, words: str, tmp_path: Path) -> None:
    """One line with the file and what is wrong, before any port is open."""
    path = tmp_path / "given.toml"
    path.write_text(text)

    done = run("serve", "--data", tmp_path / "data", option, path)

    assert done.returncode == 2
    assert words in done.stderr
    assert "given.toml" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
