"""The stand-in for Grafana does what Grafana does."""

from __future__ import annotations

import pytest
from grafana_plugin import ALL, View, sent

VIEW = View(
    since_s=100,
    until_s=200,
    values={"tz": "Asia/Kolkata", "feature": ("it's", "b"), "team": ALL, "session": ""},
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("t >= $__fromTime AND t < $__toTime", "t >= toDateTime(100) AND t < toDateTime(200)"),
        ("t >= $__fromTime_ms", "t >= fromUnixTimestamp64Milli(100000)"),
        ("f(t, '${tz}')", "f(t, 'Asia/Kolkata')"),
        ("x IN (${feature:sqlstring})", "x IN ('it''s','b')"),
        ("$__conditionalAll(if(x = '', 'a', x) IN (${team:sqlstring}), $team)", "1=1"),
        ("$__conditionalAll(x IN (${feature:sqlstring}), $feature)", "x IN ('it''s','b')"),
        ("(${session:sqlstring} = '' OR s = ${session:sqlstring})", "('' = '' OR s = '')"),
    ],
)
def test_macros_and_variables_are_replaced_as_the_plugin_does(raw: str, expected: str) -> None:
    """Each macro and each format that the panels use."""
    assert expected == sent(raw, VIEW)


def test_alerts_know_no_variable() -> None:
    """A variable in an alert stays and is refused."""
    with pytest.raises(ValueError, match="nobody replaces"):
        sent("x IN (${feature:sqlstring})", VIEW, in_alert=True)
