"""Settings: where they come from, who wins, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel_costattr_collector.settings import Settings, fields, read_settings
from otel_costattr_collector.settings_page import settings_page

from otel_costattr.errors import BadSettings

ROOT = Path(__file__).parents[2]


def test_the_later_source_wins(tmp_path: Path) -> None:
    """Default, file, environment, command line: each overrides the ones before it, name by name."""
    file = tmp_path / "costattr.toml"
    file.write_text('grpc_port = 1\nhttp_port = 1\napi_port = 1\nhost = "127.0.0.2"\n')

    settings = read_settings(
        command_line={"api_port": "3"},
        environment={"COSTATTR_HTTP_PORT": "2", "COSTATTR_API_PORT": "2", "HOME": "/"},
        file=file,
    )

    assert (settings.host, settings.grpc_port) == ("127.0.0.2", 1)
    assert (settings.http_port, settings.api_port) == (2, 3)
    assert settings.max_body_bytes == Settings().max_body_bytes


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    """`COSTATTR_CONFIG` is the file where no option names one."""
    file = tmp_path / "costattr.toml"
    file.write_text("settle_seconds = 0.5\n")

    settings = read_settings(command_line={}, environment={"COSTATTR_CONFIG": str(file)})

    assert settings.settle_seconds == 0.5


@pytest.mark.parametrize(
    ("environment", "text", "message"),
    [
        pytest.param(
            {"COSTATTR_GRPC_PROT": "1"},
            "",
            "'grpc_prot' in the environment is no setting; known are api_port, ",
            id="unknown-in-environment",
        ),
        pytest.param({}, "settle = 1", "'settle' in FILE is no setting", id="unknown-in-file"),
        pytest.param(
            {"COSTATTR_HTTP_PORT": "70000"},
            "",
            "http_port = '70000' in the environment: input should be less than or equal to 65535",
            id="out-of-range",
        ),
        pytest.param(
            {"COSTATTR_CLICKHOUSE": "http://u:hush@h"},
            "clickhouse = 5\nlog_level = 'loud'",
            "log_level = 'loud' in FILE: input should be 'debug', 'info', 'warning' or 'error'",
            id="choice",
        ),
        pytest.param({}, "clickhouse = 5", "clickhouse = (not shown) in FILE", id="secret"),
        pytest.param({}, "a = [", "FILE: cannot be read as TOML", id="no-toml"),
    ],
)
def test_a_refusal_names_key_value_and_source(
    environment: dict[str, str], text: str, message: str, tmp_path: Path
) -> None:
    """Whoever reads it knows what to change and where; a secret is never shown."""
    file = tmp_path / "costattr.toml"
    file.write_text(text)

    with pytest.raises(BadSettings) as refused:
        read_settings(command_line={}, environment=environment, file=file)

    assert message.replace("FILE", str(file)) in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    """A configuration that was asked for is never silently left out."""
    with pytest.raises(BadSettings, match=r"absent\.toml: cannot be read"):
        read_settings(command_line={}, environment={}, file=tmp_path / "absent.toml")


def test_a_secret_is_not_printed() -> None:
    """Neither `repr` nor `str` shows the password."""
    settings = Settings.model_validate({"clickhouse": "http://user:hush@host/db"})

    assert "hush" not in repr(settings) + str(settings)


@pytest.mark.parametrize("name", fields())
def test_every_setting_is_described(name: str) -> None:
    """A description is a sentence."""
    description = fields()[name].description or ""

    assert description.endswith(".")


def test_the_settings_page_is_up_to_date() -> None:
    """`python scripts/write_settings_page.py` was run after the last change."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()
