"""How many of the tokens that metrics report the counted calls explain: the parts of the query."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from otel_costattr.errors import BadInput
from otel_costattr_collector import spend
from otel_costattr_collector.spend import Question

_OF_METRICS: Final = frozenset({"tenant", "service_name"})


def metrics_parts(question: Question) -> tuple[dict[str, str], dict[str, object]]:
    """Write the parts and parameters of the check of metrics against calls.

    Raises:
        BadInput: It is asked for parts of days, or by something that metrics do not know.
    """
    named = {*question.filters, *(name for group in question.without for name in group)}
    if not named <= _OF_METRICS:
        raise BadInput(f"metrics are filtered by {', '.join(sorted(_OF_METRICS))} only")
    # no line of token_metrics is an allocation
    asked = replace(question, since=None, until=None, as_of=None, measure="fully_loaded")
    frame = spend.frame(asked, table="ledger")
    parameters = frame.parameters
    zone = "{reporting_zone:String}"
    parameters["reporting_zone"] = question.reporting_zone
    ends = {"since": question.since, "until": question.until}
    days, calls = ["true"], ["true"]
    for name, end in ends.items():
        if end is None:
            continue
        if end.day is None:
            raise BadInput("metrics are kept by day of the reporting time zone: ask for whole days")
        parameters[f"{name}_day"] = end.day
        sign = ">=" if name == "since" else "<"
        days.append(f"day {sign} {{{name}_day:Date}}")
        parameters[f"{name}_ns"] = end.ns
        at = f"fromUnixTimestamp64Nano({{{name}_ns:Int64}}, 'UTC')"
        calls.append(f"spent.event_ns {sign} {at}")
    # Metrics have no entries: what is asked of the kind of line concerns calls alone.
    measured = [one for one in frame.conditions if "spent.entry" not in one]
    parts = {
        "filter": frame.parts["filter"],
        "measured": " AND ".join(measured) or "true",
        "days": " AND ".join(days),
        "calls": " AND ".join(calls),
        "zone": zone,
        "limit": spend.limit_of(question, total=True),
    }
    return parts, parameters
