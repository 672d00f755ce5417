"""The committed files are what the generator makes, and what Grafana reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from grafana.alerts import RULES, SOURCE_UID
from grafana.boards import BOARDS
from grafana.files import FOLDER, files
from grafana.variables import FIXED, PLUGIN
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

BOARD_FILES = [f"dashboards/{board.name}.json" for board in BOARDS]
SOURCES = FOLDER / "provisioning" / "datasources"


def _read(name: str) -> Any:
    text = (FOLDER / name).read_text("utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_is_what_the_generator_makes(name: str) -> None:
    """Nobody edits them; `python scripts/grafana` writes them again."""
    assert files()[name] == (FOLDER / name).read_text("utf-8")


def test_no_file_is_left_over() -> None:
    """Each committed dashboard has its board."""
    assert sorted(BOARD_FILES) == sorted(
        f"dashboards/{path.name}" for path in (FOLDER / "dashboards").iterdir()
    )


@pytest.mark.parametrize("name", BOARD_FILES)
def test_a_dashboard_is_one_for_grafana(name: str) -> None:
    """Grafana's own model reads each field and writes it again: nothing is unknown to it."""
    stored = _read(name)
    known = json.loads(json.dumps(Dashboard.from_json(stored), cls=JSONEncoder))

    assert stored == known


@pytest.mark.parametrize("name", BOARD_FILES)
def test_a_dashboard_asks_the_source_that_was_chosen(name: str) -> None:
    """Each panel that asks anything asks `${datasource}`, and panel ids are unique."""
    panels = _read(name)["panels"]
    asking = [panel for panel in panels if panel["type"] != "text"]
    chosen = {"type": PLUGIN, "uid": "${datasource}"}

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in asking:
        assert panel["datasource"] == chosen
        assert [chosen] == [target["datasource"] for target in panel["targets"]]


@pytest.mark.parametrize("name", BOARD_FILES)
def test_a_dashboard_starts_with_real_data(name: str) -> None:
    """Test and demo traffic is not shown unless somebody asks for it."""
    variables = {one["name"]: one for one in _read(name)["templating"]["list"]}

    assert set(FIXED) <= set(variables)
    assert variables["data_mode"]["current"]["value"] == ["real"]
    assert variables["tz"]["current"]["value"] == "UTC"


def _links(name: str) -> list[str]:
    overrides = [
        prop
        for panel in _read(name)["panels"]
        for override in panel.get("fieldConfig", {}).get("overrides", [])
        for prop in override["properties"]
    ]
    return [link["url"] for prop in overrides if prop["id"] == "links" for link in prop["value"]]


@pytest.mark.parametrize("name", BOARD_FILES)
def test_a_link_leads_to_a_dashboard_that_understands_it(name: str) -> None:
    """The dashboard exists and has the variable that the link sets."""
    uids = {_read(file)["uid"]: _read(file) for file in BOARD_FILES}
    for url in _links(name):
        parts = urlsplit(url)
        target = uids[parts.path.removeprefix("/d/")]
        variables = {one["name"] for one in target["templating"]["list"]}
        (variable,) = (key for key, _ in parse_qsl(parts.query) if key.startswith("var-"))

        assert variable.removeprefix("var-") in variables, url


def test_every_dashboard_can_be_reached_by_a_link() -> None:
    """From the menu, and each that looks at one thing by drilling down."""
    reached = {urlsplit(url).path for name in BOARD_FILES for url in _links(name)}

    assert {
        f"/d/costattr-{name}" for name in ("features", "tenants", "prompts", "models", "sessions")
    } == reached


def test_rules_are_whole() -> None:
    """Steps refer to each other, to the provisioned source and to dashboards that exist."""
    (group,) = _read("provisioning/alerting/costattr.yaml")["groups"]
    boards = {f"/d/costattr-{board.name}" for board in BOARDS}

    assert [f"costattr-{rule.name}" for rule in RULES] == [rule["uid"] for rule in group["rules"]]
    for rule in group["rules"]:
        query, reduced, threshold = rule["data"]
        assert query["datasourceUid"] == SOURCE_UID == query["model"]["datasource"]["uid"]
        assert reduced["model"]["expression"] == query["refId"]
        assert threshold["model"]["expression"] == reduced["refId"]
        assert rule["condition"] == threshold["refId"]
        assert query["relativeTimeRange"]["from"] > query["relativeTimeRange"]["to"]
        assert rule["annotations"]["dashboard"] in boards
        assert "$" not in json.dumps([rule["annotations"], rule["labels"], rule["title"]])
        assert re.fullmatch(r"[a-z-]{1,40}", rule["uid"])


@pytest.mark.parametrize("path", sorted(SOURCES.iterdir()), ids=lambda path: path.name)
def test_a_source_is_the_official_one_over_http(path: Path) -> None:
    """The uid is the one that alert rules name; secrets come from the environment or a file."""
    (source,) = yaml.safe_load(path.read_text("utf-8"))["datasources"]
    data = source["jsonData"]

    assert (source["uid"], source["type"]) == (SOURCE_UID, PLUGIN)
    assert (data["protocol"], data["port"], data["defaultDatabase"]) == ("http", 8123, "costattr")
    assert re.fullmatch(r"\$\{\w+\}|\$__file\{[\w/]+\}", source["secureJsonData"]["password"])


def test_the_guide_knows_every_dashboard_and_rule() -> None:
    """Each has its row in docs/connect-grafana.md, and so has each variable of the sources."""
    guide = (FOLDER.parents[1] / "docs" / "connect-grafana.md").read_text("utf-8")
    for board in BOARDS:
        assert f"| {board.title.removeprefix('Cost: ').capitalize()} |" in guide
    for rule in RULES:
        assert f"| {rule.title} |" in guide
    for path in SOURCES.iterdir():
        for variable in re.findall(r"\$\{(\w+)\}", path.read_text("utf-8")):
            assert f"`{variable}`" in guide
