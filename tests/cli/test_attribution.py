"""`costattr attribution check` over files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_costattr import cli

SCHEMA = """
contact = "#llm-costs"
[dimensions.tenant]
required = true
[dimensions.user]
pattern = "u-[0-9]+"
[dimensions.feature]
contact = "product"
values = ["chat", "summary"]
renamed = [{ old = "summarise", new = "summary", since = 2026-09-01 }]
[tags.cost_center]
"""
GOOD = {"tenantId": "acme", "endpointTag": "chat", "userId": "u-1", "tags": {"cost_center": 7}}
BAD = {"endpointTag": "serch", "userId": "jo", "tags": {"x": "y"}, "model": "gpt-4o"}
USAGE = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}


def _span(start_ns: int, **attributes: object) -> dict[str, object]:
    texts = [
        {
            "key": key,
            "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in {**USAGE, **attributes}.items()
    ]
    return {
        "traceId": "1" * 32,
        "spanId": "2" * 16,
        "startTimeUnixNano": str(start_ns),
        "attributes": texts,
    }


def _check(tmp_path: Path, *against: str, schema: str = SCHEMA, more: tuple[str, ...] = ()) -> int:
    path = tmp_path / "attribution.toml"
    path.write_text(schema)
    words = ["attribution", "check", str(path), *more]
    for number, text in enumerate(against):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        words += ["--against", str(file)]
    return cli.main(argv=words)


def test_a_sound_schema_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without telemetry only the file is checked."""
    assert _check(tmp_path) == 0
    assert capsys.readouterr().out == (
        "The schema is sound: 4 dimensions and tags are documented.\n"
    )


def test_a_broken_schema_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the file and the key."""
    assert _check(tmp_path, schema="[dimensions.colour]") == 2
    assert "attribution.toml: dimensions.colour: use one of" in capsys.readouterr().err


def test_a_schema_that_is_not_there_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the file."""
    assert cli.main(argv=["attribution", "check", "nowhere.toml"]) == 2
    assert "nowhere.toml: cannot be read: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps(GOOD), id="one event"),
        pytest.param(json.dumps({**GOOD, "tags": None}), id="without tags"),
        pytest.param(json.dumps([GOOD, GOOD]), id="an array"),
        pytest.param(f"{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}\n", id="one a line"),
    ],
)
def test_good_events_are_0(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Events are read in every form in which they may be posted."""
    assert _check(tmp_path, text) == 0
    assert "nothing stands outside." in capsys.readouterr().out


def test_what_stands_outside_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding says how many calls, which values and whom to ask; a person is never named."""
    assert _check(tmp_path, f"{json.dumps(BAD)}\n{json.dumps(BAD)}\n{json.dumps(GOOD)}") == 1
    assert capsys.readouterr().out.splitlines() == [
        "4 dimensions and tags are documented, 3 calls held against it:",
        "  feature has values that are not allowed, 2 calls: serch (ask product)",
        "  tags.x is not in the schema, 2 calls: y (ask #llm-costs)",
        "  tenant is required and not known, 2 calls (ask #llm-costs)",
        "  user has values that are not allowed, 2 calls (ask #llm-costs)",
    ]


def test_findings_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program finds the same."""
    assert _check(tmp_path, json.dumps({**GOOD, "endpointTag": "serch"}), more=("--json",)) == 1
    assert json.loads(capsys.readouterr().out) == {
        "documented": ["feature", "tags.cost_center", "tenant", "user"],
        "required": ["tenant"],
        "calls": 1,
        "findings": [{"target": "feature", "what": "outside", "calls": 1, "values": ["serch"]}],
    }


def test_spans_are_held_at_their_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The old name is right in August and wrong in September; what is no call is not looked at."""
    old = {"costattr.tenant": "acme", "costattr.feature": "summarise"}
    august_ns, september_ns = 1_788_220_799 * 10**9, 1_788_220_800 * 10**9
    spans = [_span(august_ns, **old), _span(september_ns, **old)]
    no_call = {**_span(september_ns), "attributes": []}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [*spans, no_call]}]}]}

    assert _check(tmp_path, json.dumps(request)) == 1
    assert capsys.readouterr().out.splitlines() == [
        "4 dimensions and tags are documented, 2 calls held against it:",
        "  feature has names that were replaced before, 1 calls: summarise (ask product)",
    ]


@pytest.mark.parametrize(
    "text",
    [pytest.param("{", id="no JSON"), pytest.param("[1]", id="no objects")],
)
def test_a_file_of_neither_kind_is_2(tmp_path: Path, text: str) -> None:
    """Something that cannot be read is never taken for good telemetry."""
    assert _check(tmp_path, text) == 2


def test_a_file_that_is_not_there_is_2(tmp_path: Path) -> None:
    """A misspelt path is no success."""
    path = tmp_path / "attribution.toml"
    path.write_text(SCHEMA)

    assert cli.main(argv=["attribution", "check", str(path), "--against", "nowhere.jsonl"]) == 2
