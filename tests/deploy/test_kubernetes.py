"""The Kubernetes manifests: valid, and fitting the service and each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from otel_costattr_collector.access import KEYS_FILE
from otel_costattr_collector.settings import Settings, fields, read_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.30", "1.33", "1.37")
OPERATORS = {"ClickHouseInstallation", "ClickHouseKeeperInstallation"}


def _documents() -> Iterator[dict[str, Any]]:
    for path in FILES:
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def _one(kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        document
        for document in _documents()
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )
    return found


PLAIN = [
    pytest.param(document, id=f"{document['kind']}-{document['metadata']['name']}")
    for document in _documents()
    if document["kind"] not in OPERATORS
]
POD = _one("StatefulSet", "costattr")["spec"]["template"]["spec"]
(COSTATTR,) = POD["containers"]
ENVIRONMENT = {one["name"]: one.get("value", "") for one in COSTATTR["env"]}
(INSTALLATION,) = (
    document for document in _documents() if document["kind"] == "ClickHouseInstallation"
)
(CLUSTER,) = INSTALLATION["spec"]["configuration"]["clusters"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", PLAIN)
def test_a_manifest_is_valid(document: dict[str, Any], version: str) -> None:
    """Kubernetes' own schema accepts it, with no field that it does not know."""
    kubernetes_validate.validate(document, version, strict=True)


def test_kustomize_finds_everything() -> None:
    """Every manifest, dashboard and provisioning file is in the kustomization."""
    text = (DEPLOY / "kustomization.yaml").read_text("utf-8")
    kustomization = yaml.safe_load(text)
    files = {
        f"{generator['name']}/{Path(file).name}"
        for generator in kustomization["configMapGenerator"]
        for file in generator["files"]
    }
    named = [
        *kustomization["resources"],
        *(file for one in kustomization["configMapGenerator"] for file in one["files"]),
    ]

    assert all((DEPLOY / name).is_file() for name in named)
    assert {path.relative_to(DEPLOY).as_posix() for path in FILES} == set(
        kustomization["resources"]
    )
    assert {
        f"grafana-dashboards/{path.name}" for path in (DEPLOY / "grafana/dashboards").iterdir()
    } <= files


def test_a_config_map_fits() -> None:
    """All dashboards together stay below the megabyte that a ConfigMap may hold."""
    size = sum(path.stat().st_size for path in (DEPLOY / "grafana/dashboards").iterdir())

    assert size < 1_000_000


def test_each_collector_has_a_volume_for_its_journal() -> None:
    """The data folder is a volume of the pod's own, which outlives the pod."""
    spec = _one("StatefulSet", "costattr")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    mounts = {one["name"]: one["mountPath"] for one in COSTATTR["volumeMounts"]}
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")

    assert mounts[claim["metadata"]["name"]] == "/data"
    assert "COSTATTR_DATA=/data" in dockerfile
    assert spec["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }


def test_the_environment_of_a_collector_is_made_of_settings() -> None:
    """The service accepts it, and writes to the cluster that the operator makes."""
    ours = {name: value for name, value in ENVIRONMENT.items() if name.startswith("COSTATTR_")}
    settings = read_settings(command_line={}, environment=ours)

    assert (settings.layout, settings.cluster) == ("cluster", CLUSTER["name"])
    (claim,) = _one("StatefulSet", "costattr")["spec"]["volumeClaimTemplates"]
    volume_gib = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    assert settings.journal_max_bytes + settings.min_free_bytes < volume_gib * 2**30


def test_each_collector_writes_to_one_shard() -> None:
    """There are as many shards as the manifest counts, and each has the service that it names."""
    (script,) = COSTATTR["args"]
    (template,) = (
        one
        for one in INSTALLATION["spec"]["templates"]["serviceTemplates"]
        if one["name"] == CLUSTER["templates"]["shardServiceTemplate"]
    )
    prefix = template["generateName"].removesuffix("{shardIndex}")

    assert int(ENVIRONMENT["SHARDS"]) == CLUSTER["layout"]["shardsCount"]
    assert f"@{prefix}$shard:{template['spec']['ports'][0]['port']}/costattr" in script
    assert "exec costattr serve" in script


def test_ports_and_probes_are_those_of_the_service() -> None:
    """Container ports are the defaults, probes ask the API's health."""
    ports = {one["name"]: one["containerPort"] for one in COSTATTR["ports"]}
    named = {"otlp-grpc": "grpc_port", "otlp-http": "http_port", "api": "api_port"}
    probes = {
        name: COSTATTR[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert ports == {name: fields()[field].default for name, field in named.items()}
    assert {probe["port"] for probe in probes.values()} == {"api"}
    assert probes["livenessProbe"]["path"] == "/healthz"
    assert probes["readinessProbe"]["path"] == "/readyz"


def test_a_stop_is_given_the_time_that_it_needs() -> None:
    """Kubernetes waits longer than the service for its open requests."""
    assert POD["terminationGracePeriodSeconds"] > Settings().shutdown_seconds


def test_keys_come_from_a_secret() -> None:
    """The key file of the data folder is copied from it before the service starts."""
    (prepare,) = POD["initContainers"]

    assert prepare["command"][-1] == f"/data/{KEYS_FILE}"


def test_spans_are_routed_by_trace() -> None:
    """The collectors in front send all spans of a trace to one of the headless service's pods."""
    config = yaml.safe_load(_one("ConfigMap", "otel-collector")["data"]["config.yaml"])
    exporter = config["exporters"]["loadbalancing/costattr"]
    resolver = exporter["resolver"]["dns"]
    service = _one("Service", resolver["hostname"])

    assert exporter["routing_key"] == "traceID"
    assert service["spec"]["clusterIP"] == "None"
    assert resolver["port"] == service["spec"]["ports"][0]["port"]
    assert not exporter["protocol"]["otlp"]["sending_queue"]["enabled"]


def test_secrets_are_documented() -> None:
    """Each Secret that a manifest reads is one that the guide tells how to make."""
    text = "".join(path.read_text("utf-8") for path in FILES)
    named = set(re.findall(r"secretName: ([\w-]+)", text))
    named |= set(re.findall(r"secretKeyRef: \{name: ([\w-]+)", text))
    guide = (DEPLOY.parent / "docs" / "scaling.md").read_text("utf-8")

    assert named == set(re.findall(r"create secret generic ([\w-]+)", guide))
