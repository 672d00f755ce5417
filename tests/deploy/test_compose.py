"""The compose files, the image and the OpenTelemetry Collector's configuration fit the service."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from otel_costattr_collector.access import read_keys
from otel_costattr_collector.cli import COMMANDS
from otel_costattr_collector.settings import (
    ENVIRONMENT_PREFIX,
    OTHER_VARIABLES,
    Settings,
    fields,
    read_settings,
)

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = ("compose.yaml", "compose.embedded.yaml")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
SQL_PORT = 8123
PORTS = {name: fields()[f"{name}_port"].default for name in ("grpc", "http", "api")} | {
    "sql": SQL_PORT
}
PASSWORDS = {"CLICKHOUSE_PASSWORD": "write", "CLICKHOUSE_READ_PASSWORD": "read"}
_ASKED = re.compile(r"\$\{(\w+):\?[^}]*\}")


def _compose(name: str) -> dict[str, Any]:
    text = _ASKED.sub(lambda found: PASSWORDS[found[1]], (DEPLOY / name).read_text("utf-8"))
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def _mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [tuple(volume.split(":")[:2]) for volume in service.get("volumes", [])]


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_one(name: str) -> None:
    """It is read by an implementation of the Compose Specification."""
    compose = PyCompose.from_yaml((DEPLOY / name).read_text("utf-8"))
    compose.validate()

    assert "costattr" in compose.service_names()


@pytest.mark.parametrize("name", COMPOSE)
def test_what_a_compose_file_names_is_there(name: str) -> None:
    """Mounted files exist, named volumes and needed services are defined."""
    compose = _compose(name)
    for service in compose["services"].values():
        for source, _ in _mounts(service):
            assert (DEPLOY / source).exists() if source[0] == "." else source in compose["volumes"]
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", COMPOSE)
def test_the_environment_of_the_collector_is_made_of_settings(name: str) -> None:
    """The service itself accepts every variable, those of the image included."""
    image = dict(re.findall(r"(COSTATTR_\w+)=(\S+)", DOCKERFILE))
    given = image | _compose(name)["services"]["costattr"]["environment"]
    settings = read_settings(command_line={}, environment=given)

    assert settings.host == "0.0.0.0"
    assert settings.data == Path("/data")
    assert (settings.clickhouse is None) is (name == "compose.embedded.yaml")


@pytest.mark.parametrize("name", COMPOSE)
def test_a_stop_is_given_the_time_that_it_needs(name: str) -> None:
    """Docker waits longer than the service for its open requests."""
    grace = _compose(name)["services"]["costattr"]["stop_grace_period"]

    assert int(grace.removesuffix("s")) > Settings().shutdown_seconds


@pytest.mark.parametrize("name", COMPOSE)
def test_nothing_is_offered_to_the_world(name: str) -> None:
    """Every published port is on the loopback address, and is one that something listens on."""
    listened = {*map(str, PORTS.values()), "3000", "16686"}
    for service in _compose(name)["services"].values():
        for port in service.get("ports", []):
            address, published, inside = port.split(":")
            assert (address, published) == ("127.0.0.1", inside)
            assert inside in listened


def test_the_image_listens_on_the_ports_of_the_service() -> None:
    """What the image exposes are the defaults of the settings."""
    (exposed,) = re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)

    assert {int(port) for port in exposed.split()} == set(PORTS.values())


def test_the_image_runs_a_command_that_exists() -> None:
    """Entry point and command are ours, and the health check asks the API's port."""
    assert 'ENTRYPOINT ["costattr"]' in DOCKERFILE
    (command,) = re.findall(r'^CMD \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)

    assert command in {one.name for one in COMMANDS}
    assert f"127.0.0.1:{PORTS['api']}/healthz" in DOCKERFILE


def test_the_image_is_built_from_what_the_build_needs() -> None:
    """Each copied path exists and passes the ignore file; nothing else does."""
    copied = _copied()
    allowed = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert copied == set(allowed)
    assert all((ROOT / path).exists() for path in copied)


def _copied() -> set[str]:
    return {
        path.removeprefix("./")
        for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.MULTILINE)
        for path in shlex.split(line)[:-1]
    }


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_image_can_build_the_wheel(tmp_path: Path) -> None:
    """What the image copies is enough for a wheel with both packages and the SQL."""
    for name in _copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").iterdir()
    names = zipfile.ZipFile(wheel).namelist()

    for expected in (
        "otel_costattr/__init__.py",
        "otel_costattr_collector/serve.py",
        "otel_costattr_collector/clickhouse/queries/spend.sql",
    ):
        assert expected in names


def test_keys_are_made_once(tmp_path: Path) -> None:
    """The script leaves one key of each role, and a second start changes nothing."""
    keys, data = tmp_path / "keys", tmp_path / "data"
    keys.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KEYS": str(keys),
        "COSTATTR_DATA": str(data),
    }
    made = []
    for _ in range(2):
        subprocess.run(["/bin/sh", DEPLOY / "make-keys.sh"], env=environment, check=True)
        made.append({path.name: path.read_text("utf-8") for path in keys.iterdir()})

    assert {"ingest", "read"} == set(made[0])
    assert made[0] == made[1]
    assert {"ingest", "read"} == {key.role for key in read_keys(data / "keys.json")}
    assert all(re.fullmatch(r"\S+", secret) for secret in made[0].values())


def _pipelines() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text("utf-8"))
    return config


def test_the_collector_in_front_fans_out() -> None:
    """Traces go to us and elsewhere; every part that a pipeline names is defined, and none idle."""
    config = _pipelines()
    pipelines = config["service"]["pipelines"]
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[kind]}
        assert used == set(config.get(kind, {}))

    assert set(config["extensions"]) == set(config["service"]["extensions"])
    assert pipelines["traces"]["exporters"] == ["otlp/costattr", "otlp/elsewhere"]


@pytest.mark.parametrize("name", COMPOSE)
def test_the_collector_in_front_reaches_us(name: str) -> None:
    """Its endpoint is the service's OTLP port, its key the one that the script made."""
    exporter = _pipelines()["exporters"]["otlp/costattr"]
    services = _compose(name)["services"]
    assert exporter["endpoint"] == f"${{env:COSTATTR_ENDPOINT:-costattr:{PORTS['grpc']}}}"
    assert "${file:/keys/ingest}" in exporter["headers"]["authorization"]

    mounts = dict(_mounts(services["otel-collector"]))
    assert mounts["keys"] == dict(_mounts(services["keys"]))["keys"] == "/keys"
    assert mounts["queue"] == _pipelines()["extensions"]["file_storage"]["directory"]


def test_nothing_waits_in_memory_in_front_of_us() -> None:
    """What was accepted is in a queue on disk, retried for ever, and no batch processor holds it."""
    config = _pipelines()
    queue = config["exporters"]["otlp/costattr"]

    assert queue["sending_queue"]["storage"] in config["extensions"]
    assert queue["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert not any(name.startswith("batch") for name in config["processors"])


@pytest.mark.parametrize(
    ("compose", "source"),
    [("compose.yaml", "server.yaml"), ("compose.embedded.yaml", "embedded.yaml")],
)
def test_grafana_is_given_what_its_source_names(compose: str, source: str) -> None:
    """Every variable and file of the data source is there, and so are dashboards and rules."""
    grafana = _compose(compose)["services"]["grafana"]
    mounts = dict(_mounts(grafana))
    path = f"./grafana/provisioning/datasources/{source}"
    text = (DEPLOY / path).read_text("utf-8")
    (provider,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/costattr.yaml").read_text("utf-8")
    )["providers"]

    assert path in mounts
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(grafana["environment"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert "./grafana/provisioning/alerting" in mounts
    for name in re.findall(r"\$__file\{/keys/(\w+)\}", text):
        assert mounts["keys"] == "/keys"
        assert name in {"ingest", "read"}


def test_the_reader_of_clickhouse_may_only_read() -> None:
    """Its profile is read-only, bounded, and lets through the one setting that Grafana sends."""
    tree = ET.parse(DEPLOY / "clickhouse" / "reader.xml")  # noqa: S314 - a file of ours
    profile = tree.find("./profiles/reader")
    assert profile is not None

    assert profile.findtext("readonly") == "1"
    assert profile.find("./constraints/max_execution_time/changeable_in_readonly") is not None
    assert [grant.text for grant in tree.findall("./users/reader/grants/query")] == [
        "GRANT SELECT ON costattr.*"
    ]


def test_every_variable_of_ours_in_deploy_is_known() -> None:
    """No file under deploy names a COSTATTR_ variable that neither service nor files read."""
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in fields()} | OTHER_VARIABLES
    own = {"COSTATTR_ENDPOINT", "COSTATTR_INGEST_KEY", "COSTATTR_HOST"}
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix != ".json":
            assert set(re.findall(r"COSTATTR_[A-Z_]+", path.read_text("utf-8"))) <= known | own, (
                path
            )
