"""The variables of every dashboard: where to ask, in which time zone, of which data."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from .sql import named

PLUGIN: Final = "grafana-clickhouse-datasource"
SOURCE: Final = models.DataSourceRef(type_val=PLUGIN, uid="${datasource}")

TIME_ZONES: Final = (
    "UTC",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Sydney",
)
"""Offered first; any IANA name can be typed."""

STEPS: Final = (("15 minutes", "15 MINUTE"), ("hour", "1 HOUR"), ("day", "1 DAY"))
SHIFTS: Final = (
    ("same weekday one week before", "7 DAY"),
    ("day before", "1 DAY"),
    ("four weeks before", "28 DAY"),
)
DATA_MODES: Final = ("real", "test", "demo")

COST_MEASURES: Final = (("direct", "direct"), ("fully loaded", "fully_loaded"))

FIXED: Final = ("datasource", "tz", "grain", "measure", "environment", "data_mode")
"""The variables that every dashboard has; links carry them along."""


def variables_of(
    names: tuple[str, ...], texts: tuple[str, ...] = (), *, compares: bool = False
) -> list[Builder[models.VariableModel]]:
    """Build the variables of one dashboard.

    Args:
        names: Dimensions of `spend_by_feature_15m`, or `tenant`, that can be chosen.
        texts: Dimensions whose values are typed, because there are too many.
        compares: Whether the dashboard compares with an earlier period.
    """
    shift = [_choice("against", "Compared with", SHIFTS)] if compares else []
    return [
        builders.DatasourceVariable("datasource").label("Data source").type(PLUGIN),
        _choice("tz", "Time zone", tuple((zone, zone) for zone in TIME_ZONES)),
        _choice("grain", "Step", STEPS, chosen=1),
        _choice("measure", "Cost", COST_MEASURES),
        *shift,
        _values("environment"),
        _choice("data_mode", "Data", tuple((mode, mode) for mode in DATA_MODES), multi=True),
        *map(_values, names),
        *(builders.TextBoxVariable(name).label(name.capitalize()) for name in texts),
    ]


def values_sql(name: str) -> str:
    """Return the query for the values of a variable, the most frequent first."""
    table, when = (
        ("spend_by_tenant_day", "spent.day >= toDate($__fromTime) - 1")
        if name == "tenant"
        else ("spend_by_feature_15m", "spent.bucket >= toStartOfFifteenMinutes($__fromTime)")
    )
    return (
        f"SELECT {named(f'spent.{name}')} AS value\nFROM {table} AS spent\nWHERE {when}\n"
        "GROUP BY value\nORDER BY sum(spent.calls) DESC, value\nLIMIT 1000"
    )


def _values(name: str) -> Builder[models.VariableModel]:
    sql = values_sql(name)
    query: dict[str, object] = {"editorType": "sql", "rawSql": sql, "refId": "A"}
    return (
        builders.QueryVariable(name)
        .label(name.replace("_", " ").capitalize())
        .datasource(SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .multi(multi=True)
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _choice(
    name: str,
    label: str,
    options: tuple[tuple[str, str], ...],
    *,
    chosen: int = 0,
    multi: bool = False,
) -> Builder[models.VariableModel]:
    text, value = options[chosen]
    current = models.VariableOption(
        selected=True, text=[text] if multi else text, value=[value] if multi else value
    )
    return (
        builders.CustomVariable(name)
        .label(label)
        .values(",".join(f"{text} : {value}" for text, value in options))
        .multi(multi=multi)
        .current(current)
        .options(
            [
                models.VariableOption(selected=place == chosen, text=text, value=value)
                for place, (text, value) in enumerate(options)
            ]
        )
    )
