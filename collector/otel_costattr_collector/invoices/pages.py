"""A statement as CSV, as the usage behind it, and as one HTML page that needs nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any, Final

LINES: Final = ("name", "detail", "quantity", "unit", "formula", "exact_usd", "amount_usd")
USAGE: Final = ("feature", "model", "calls", "input_tokens", "output_tokens", "cost")
CLOSED: Final = "The month is closed: what is learned of it later is in a later invoice."
_HEAD: Final = ("statement", "revision", "state", "customer", "period", "currency")

_PAGE: Final = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Invoice $customer $period</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 3rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.state { padding: .2rem .6rem; border-radius: .3rem; background: #fde8c8; }
.final { background: #d9f2dd; } small { color: #555; word-break: break-all; }
</style></head><body>
<h1>Invoice draft for $customer</h1>
<p>$issuer</p>
<p>$period ($first_day to $last_day, $time_zone), plan $plan,
<span class="state $state">$state</span>$closed</p>
$reasons
<table><tr><th>Item</th><th>How</th><th class="number">USD</th></tr>$lines
<tr><th colspan="2">Total</th><th class="number">$total_usd</th></tr></table>
<h2>Usage</h2>
<table><tr><th>Feature</th><th>Model</th><th class="number">Calls</th>
<th class="number">Tokens sent</th><th class="number">Tokens produced</th></tr>$usage</table>
<small>Statement $sequence, revision $revision, digest $sha256</small>
</body></html>
""")


def as_csv(statement: Mapping[str, Any]) -> str:
    """Write the lines of a statement as CSV, one row each with who and when."""
    content = statement["content"]
    head = [statement["sha256"], statement["revision"], content["state"]]
    head += [content["customer"], content["period"], content["currency"]]
    rows = ([*head, *(line[name] for name in LINES)] for line in content["lines"])
    return _csv((*_HEAD, *LINES), rows)


def as_usage(statement: Mapping[str, Any]) -> str:
    """Write the usage behind a statement as CSV: what a billing system imports."""
    content = statement["content"]
    rows = (
        [content["customer"], content["period"], *(row[name] for name in USAGE)]
        for row in content["usage"]
    )
    return _csv(("customer", "period", *USAGE), rows)


def as_html(statement: Mapping[str, Any]) -> str:
    """Write a statement as one page."""
    content = statement["content"]
    words = {name: escape(str(value)) for name, value in {**statement, **content}.items()}
    words["closed"] = f" {CLOSED}" if statement.get("closed") else ""
    words["reasons"] = "".join(f"<p>{escape(reason)}</p>" for reason in content["reasons"])
    words["lines"] = "".join(
        _row(
            (_titled(line), line["formula"], line["amount_usd"]),
            numbers=1,
        )
        for line in content["lines"]
    )
    words["usage"] = "".join(
        _row(
            (row["feature"], row["model"], row["calls"], row["input_tokens"], row["output_tokens"]),
            numbers=3,
        )
        for row in content["usage"]
    )
    return _PAGE.substitute(words)


def _titled(line: Mapping[str, str]) -> str:
    return f"{line['name']}: {line['detail']}" if line["detail"] else line["name"]


def _row(values: Sequence[object], *, numbers: int) -> str:
    texts = len(values) - numbers
    cells = (
        f"<td{'' if place < texts else ' class=number'}>{escape(str(value))}</td>"
        for place, value in enumerate(values)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([[_safe(value) for value in row] for row in rows])
    return out.getvalue()


def _safe(value: object) -> object:
    """Keep a spreadsheet from running a text as a formula."""
    risky = isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}
    return f"'{value}" if risky and not str(value)[1:].replace(".", "").isdigit() else value
