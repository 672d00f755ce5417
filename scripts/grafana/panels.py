"""Panels and dashboards: what they are made of, and how Grafana's own builders write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from typing_extensions import override

from .named import Named, named_text
from .sql import MEASURES, Spend, text_of
from .variables import FIXED, SOURCE, variables_of

Kind = Literal["stat", "chart", "table"]
Drawn = stat.Panel | timeseries.Panel | table.Panel

_FORMATS: Final[Mapping[Kind, int]] = {"chart": 0, "stat": 1, "table": 1}
_CARRIED: Final = "&".join(f"${{{name}:queryparam}}" for name in FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        title: Its heading, unique on its dashboard.
        kind: How it is drawn.
        asks: What it asks which named query.
        about: What a reader has to know to read it right.
        links: Heading of a column to the dashboard that its values lead to.
        width: Columns of 24.
        height: Rows of 30 pixels.
    """

    title: str
    kind: Kind
    asks: Spend | Named
    about: str = ""
    links: Mapping[str, str]
    width: int
    height: int

    @property
    def text(self) -> str:
        """The query, as Grafana sends it to the plugin."""
        return text_of(self.asks) if isinstance(self.asks, Spend) else named_text(self.asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard.

    Attributes:
        name: Its file and, after `costattr-`, its uid.
        title: Its heading.
        about: What it is for.
        panels: Laid out from left to right, then downwards.
        values: Dimensions that can be chosen from a list.
        texts: Dimensions whose value is typed.
        since: Start of the period at first.
        compares: Whether it compares with an earlier period.
    """

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]
    values: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    since: str = "now-7d"
    compares: bool = False


def number(title: str, asks: Spend | Named, *, about: str = "", width: int = 4) -> Panel:
    """Describe a panel that shows one number."""
    return Panel(title=title, kind="stat", asks=asks, about=about, links={}, width=width, height=4)


def chart(title: str, asks: Spend, *, about: str = "", width: int = 12) -> Panel:
    """Describe a panel that shows series over time."""
    return Panel(title=title, kind="chart", asks=asks, about=about, links={}, width=width, height=8)


def listing(
    title: str,
    asks: Spend | Named,
    *,
    about: str = "",
    links: Mapping[str, str] | None = None,
    width: int = 12,
    height: int = 9,
) -> Panel:
    """Describe a panel that shows rows, the most expensive first."""
    return Panel(
        title=title,
        kind="table",
        asks=asks,
        about=about,
        links=links or {},
        width=width,
        height=height,
    )


@dataclass(frozen=True, slots=True)
class _Target(Builder[Dataquery]):
    sql: str
    kind: Kind

    @override
    def build(self) -> Dataquery:
        return _Query(self.sql, self.kind)


@dataclass(frozen=True, slots=True)
class _Query(Dataquery):
    sql: str
    kind: Kind

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "A",
            "datasource": SOURCE,
            "editorType": "sql",
            "format": _FORMATS[self.kind],
            "queryType": "timeseries" if self.kind == "chart" else "table",
            "rawSql": self.sql,
        }


def dashboard_of(board: Board) -> models.Dashboard:
    """Build one dashboard."""
    made = (
        builders.Dashboard(board.title)
        .uid(f"costattr-{board.name}")
        .description(board.about)
        .tags(["costattr"])
        .timezone("browser")
        .time(board.since, "now")
        .refresh("5m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_navigation())
    )
    for variable in variables_of(board.values, board.texts, compares=board.compares):
        made = made.with_variable(variable)
    made = made.with_panel(_heading(board))
    for place, panel in enumerate(board.panels, start=2):
        made = made.with_panel(_drawn(panel).id(place))
    return made.build()


def _navigation() -> Builder[models.DashboardLink]:
    return (
        builders.DashboardLink("Cost")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["costattr"])
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
    )


def _heading(board: Board) -> Builder[models.Panel]:
    return text.Panel().id(1).transparent(transparent=True).content(board.about).height(2).span(24)


def _drawn(panel: Panel) -> Drawn:
    made = _KINDS[panel.kind](panel)
    return (
        made.title(panel.title)
        .description(_description(panel))
        .datasource(SOURCE)
        .with_target(_Target(panel.text, panel.kind))
        .no_value("unknown")
        .span(panel.width)
        .height(panel.height)
    )


def _description(panel: Panel) -> str:
    if isinstance(panel.asks, Spend):
        source = f"The named query `spend` over `{panel.asks.source}`."
    else:
        source = f"The named query `{panel.asks.query}`."
    return f"{panel.about} {source}".strip()


def _stat(panel: Panel) -> Drawn:
    (unit,) = _units_of(panel).values()
    return stat.Panel().graph_mode(common.BigValueGraphMode.NONE).reduce_options(_Last()).unit(unit)


def _chart(panel: Panel) -> Drawn:
    ((title, unit),) = _units_of(panel).items()
    made = timeseries.Panel().line_width(1).show_points(common.VisibilityMode.NEVER).unit(unit)
    if title in {"Cost", "Calls"}:
        made = made.draw_style(common.GraphDrawStyle.BARS).fill_opacity(60).stacking(_Stacked())
    return made


class _Last(Builder[common.ReduceDataOptions]):
    @override
    def build(self) -> common.ReduceDataOptions:
        return common.ReduceDataOptions(calcs=["lastNotNull"])


class _Stacked(Builder[common.StackingConfig]):
    @override
    def build(self) -> common.StackingConfig:
        return common.StackingConfig(mode=common.StackingMode.NORMAL, group="A")


def _table(panel: Panel) -> Drawn:
    made = table.Panel().cell_height(common.TableCellHeight.SM)
    for title, unit in _units_of(panel).items():
        made = made.override_by_name(title, [_property("unit", unit)])
    for column, board in panel.links.items():
        made = made.override_by_name(column, [_property("links", [_link(column, board)])])
    return made


_KINDS: Final = {"stat": _stat, "chart": _chart, "table": _table}


def _units_of(panel: Panel) -> Mapping[str, str]:
    if isinstance(panel.asks, Spend):
        return {MEASURES[name].title: MEASURES[name].unit for name in panel.asks.measures}
    return {column.title: column.unit for column in panel.asks.columns if column.unit}


def _property(name: str, value: Any) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=name, value=value)


def _link(column: str, board: str) -> dict[str, str | bool]:
    variable = column.lower().replace(" ", "_")
    return {
        "title": f"{column} on {board}",
        "url": (
            f"/d/costattr-{board}?${{__url_time_range}}&{_CARRIED}"
            f"&var-{variable}=${{__value.raw:percentencode}}"
        ),
        "targetBlank": False,
    }
