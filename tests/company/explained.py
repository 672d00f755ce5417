"""Every line of a ledger explains itself: the product is asked about each, and its words are checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, cast

from fastapi.testclient import TestClient
from otel_costattr_collector import answers, queries
from otel_costattr_collector.ledger.entries import AMENDING, REVERSALS
from otel_costattr_collector.store import Answer, Store

_ONE = "line_id = {line_id:String} OR amends = {line_id:String}"
_PICO = Decimal("1E-12")


class Snapshot:
    """The ledger, read once: answers what explaining a line asks of the store, as the store does."""

    def __init__(self, store: Store) -> None:
        sql = queries.render("line")
        assert sql.count(_ONE) == 1
        found = store.query(
            sql.replace(_ONE, "true").replace("LIMIT 1000", "LIMIT 100000"), {"line_id": ""}
        )
        self.columns = found.columns
        self.lines: dict[str, Mapping[str, Any]] = {}
        self._rows: dict[str, tuple[Any, ...]] = {}
        self._amended: defaultdict[str, list[str]] = defaultdict(list)
        for row, values in zip(found.rows, found.mappings(), strict=True):
            name = values["line_id"]
            assert name not in self.lines, f"{name} is there twice"
            self.lines[name], self._rows[name] = values, row
            self._amended[values["amends"]].append(name)

    def query(self, _: str, parameters: Mapping[str, Any]) -> Answer:
        """Answer about one line and those that amend it, or about some lines of a chain."""
        names = parameters["ids"] if "ids" in parameters else [parameters["line_id"]]
        found = [name for name in names if name in self._rows]
        found += [amending for name in names for amending in self._amended[name]]
        if "line_id" in parameters:
            return Answer(columns=self.columns, rows=tuple(self._rows[name] for name in found))
        rows = [
            {**self.lines[name], "recorded": self.lines[name]["recorded_ns"]}
            for name in dict.fromkeys(found)
            if self._chains(self.lines[name])
        ]
        rows = [row | {"dated": row["event_ns"]} for row in rows]
        columns = tuple(rows[0]) if rows else ()
        return Answer(columns=columns, rows=tuple(tuple(row.values()) for row in rows))

    @staticmethod
    def _chains(line: Mapping[str, Any]) -> bool:
        if line["entry"] == "allocation":
            return str(line["cause"]) != "split"
        return str(line["entry"]) != "true_up"


def every_line(store: Store, client: TestClient, *, asked: int) -> int:
    """Check what the product says of every line, and that the API says the same of some kinds.

    Args:
        store: Where the ledger is.
        client: The API over it.
        asked: How many kinds of lines the API is asked about.

    Returns:
        How many lines there are.
    """
    snapshot = Snapshot(store)
    kinds: dict[tuple[str, str], Any] = {}
    for line_id, line in snapshot.lines.items():
        found = answers.explain(cast("Store", snapshot), line_id)
        assert found is not None
        said = found.model_dump(mode="json")
        _explains(line, said)
        kinds.setdefault((line["entry"], line["cause"].partition(":")[0]), said)
    for said in list(kinds.values())[-asked:]:
        answer = client.get(f"/v1/explain/{said['line_id']}")
        assert answer.status_code == 200, answer.text
        assert _plainly(answer.json()) == _plainly(said)
    return len(snapshot.lines)


def _plainly(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put what may come in any order into one."""
    chain = sorted(said["chain"], key=lambda one: str(one["line_id"]))
    amendments = sorted(said["amendments"], key=lambda one: str(one["line_id"]))
    return {**said, "chain": chain, "amendments": amendments}


def _explains(line: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Hold the words about a line against the line."""
    entry, amount = line["entry"], line["amount_usd"]
    assert said["line"]["entry"] == entry
    assert said["line"]["line_id"] == said["line_id"] == line["line_id"]
    assert (None if amount is None else Decimal(said["amount_usd"])) == amount
    _adds_up(line, said)
    chain = {one["line_id"]: one for one in said["chain"]}
    assert not chain or line["line_id"] in chain
    if entry in AMENDING:
        assert line["cause"]
        assert {line["line_id"], line["amends"]} <= set(chain)
        assert entry.startswith("cost_") is not bool(line["call_key"])
        heads = {name for name, one in chain.items() if one["entry"] not in REVERSALS}
        taken = {one["amends"] for one in chain.values() if one["entry"] in REVERSALS}
        assert len(heads - taken) == 1, "one line of a chain stands"
    if entry == "allocation":
        assert line["provenance"]["allocation.rule"] in said["formula"]
        back = line["cause"].startswith("reverse:")
        assert back is said["formula"].startswith("taken back: ")
        assert not back or [one["entry"] for one in said["chain"]] == ["allocation"] * 2
    if entry == "true_up":
        assert line["run_id"].startswith("reconcile:")
        assert "bill " in said["formula"]
    closed = line["provenance"].get("closed_month", "")
    assert said["closed_month"] == closed
    assert not closed or said["happened"].startswith(closed) != line["event_ns"].startswith(closed)


def _adds_up(line: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Work the arithmetic of a formula out again."""
    amount, formula = line["amount_usd"], said["formula"]
    if amount is None:
        assert formula == f"no amount: {line['status']}"
        return
    if line["entry"] in {"allocation", "true_up"}:
        assert formula.endswith(f" = {said['amount_usd']} USD")
        return
    if line["entry"].startswith("cost"):
        assert formula.startswith(f"{said['amount_usd']} USD, ")
        return
    terms, _, total = formula.rpartition(" = ")
    assert total == f"{said['amount_usd']} USD"
    exact = sum(map(_term, terms.split(" + ")), Decimal(0))
    assert exact.quantize(_PICO, ROUND_HALF_EVEN) == amount


def _term(text: str) -> Decimal:
    quantity, _, rate = text.partition(" x ")
    usd, _, per = rate.partition("/")
    return Decimal(quantity) * Decimal(usd) / Decimal(per) if rate else Decimal(quantity)
