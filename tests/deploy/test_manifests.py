"""What a cluster and a compose file are told, against what Askpod has."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.settings import Settings
from tests.conftest import ROOT

SETTINGS = {name.upper() for name in Settings.model_fields}


@pytest.fixture(scope="module")
def cluster() -> dict[str, dict[str, Any]]:
    """The objects of the manifest, by kind."""
    text = (ROOT / "deploy/kubernetes.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """With its anchors resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_manifest_is_valid_for_kubernetes() -> None:
    """By the published schemas, strictly."""
    tool = Path(sys.executable).with_name("kubernetes-validate")
    command = [str(tool), "--strict", "deploy/kubernetes.yaml"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stdout + run.stderr


def test_a_pod_is_probed_where_health_answers(cluster: dict[str, dict[str, Any]]) -> None:
    """At the three routes, by the port that the server listens on."""
    (container,) = cluster["Deployment"]["spec"]["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    paths = {"startup": "/health/startup", "liveness": "/health/live", "readiness": "/health/ready"}
    assert paths == {name: probe["path"] for name, probe in probes.items()}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    env = {one["name"]: one["value"] for one in container["env"]}
    assert {"http"} == {probe["port"] for probe in probes.values()}
    assert (Settings.model_fields["port"].default, env["METRICS_PORT"]) == (ports["http"], str(ports["metrics"]))
    assert "http" == cluster["Service"]["spec"]["ports"][0]["targetPort"]
    assert set(env) <= SETTINGS
    Settings.model_validate({name.lower(): value for name, value in env.items()})


def test_a_pod_has_the_time_to_drain(cluster: dict[str, dict[str, Any]]) -> None:
    """The pause before the signal, the drain, and a second for the last traces."""
    pod = cluster["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = next(float(one["value"]) for one in container["env"] if one["name"] == "DRAIN_TIMEOUT_S")
    pause = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + drain + 2


def test_nothing_runs_with_rights(cluster: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    """As the image's user, on a root that is read only, without capabilities."""
    pod = cluster["Deployment"]["spec"]["template"]["spec"]
    security = pod["containers"][0]["securityContext"]
    assert (True, 10001) == (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"])
    assert (True, False) == (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"])
    assert ["ALL"] == security["capabilities"]["drop"]
    for service in compose["services"].values():
        assert (True, ["ALL"]) == (service["read_only"], service["cap_drop"])
        assert "no-new-privileges:true" in service["security_opt"]


def test_a_service_is_stopped_after_it_has_drained(compose: dict[str, Any]) -> None:
    """And what it is told are settings; only one of the two runs at once."""
    drain = float(Settings.model_fields["drain_timeout_s"].default)
    assert {"cpu", "gpu"} == set(compose["services"])
    for name, service in compose["services"].items():
        assert float(service["stop_grace_period"].removesuffix("s")) > drain + 2
        assert set(service["environment"]) <= SETTINGS
        assert [name] == service["profiles"]
        assert ["python", "-m", "local_server"] == service["command"]
