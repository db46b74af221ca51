"""The files for Docker Compose and Kubernetes: they follow their schemas, and the rules that their pages promise.

Neither was run: there is no container engine and no cluster here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.code_blocks import ROOT
from tests.environment_names import unknown_names
from tests.pages import DOCS

FOLDER = ROOT / "deployments"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OBJECTS: list[Any] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in OBJECTS if "template" in one.get("spec", {})
}
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
IMAGES = [service["image"] for service in SERVICES.values()] + [
    container["image"] for pod in PODS.values() for container in pod["containers"]
]
# Variables of PostgreSQL's and Marquez's images, and of ours for Marquez's configuration.
_OF_IMAGES = {
    *("HOME", "PGDATA", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "DATABASE_PASSWORD"),
    *("MARQUEZ_CONFIG", "MARQUEZ_HOST", "MARQUEZ_PORT", "WEB_PORT"),
}


def test_compose_file_follows_the_specification() -> None:
    schema = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(COMPOSE)


@pytest.mark.parametrize("version", ["1.30", "1.32", "1.34"])
def test_manifest_follows_the_schemas_of_kubernetes(version: str) -> None:
    for one in OBJECTS:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("image", sorted({*IMAGES, *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)}))
def test_image_has_a_version(image: str) -> None:
    assert re.search(r":[v\d][\w.\-]*$", image)


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_health_check_and_no_root_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["user"] not in ("root", "0", "0:0")
    assert service["cap_drop"] == ["ALL"]
    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", PODS)
def test_pod_has_probes_and_no_root_rights(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    for container in pod["containers"]:
        assert container["livenessProbe"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["resources"]["limits"]["memory"]


def _variables() -> Iterator[tuple[str, str]]:
    for service in SERVICES.values():
        yield from service["environment"].items()
    for pod in PODS.values():
        for variable in (variable for container in pod["containers"] for variable in container["env"]):
            yield variable["name"], variable.get("value") or f"${{{variable['valueFrom']['secretKeyRef']['key']}}}"
    for line in re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE):
        yield from (pair.split("=", 1) for pair in shlex.split(line))  # type: ignore[misc]


def test_variables_are_settings_of_the_programs() -> None:
    assert unknown_names(name for name, _ in _variables() if name not in _OF_IMAGES) == []


def test_passwords_are_references() -> None:
    secret = [(name, value) for name, value in _variables() if re.search("PASSWORD|KEY|TOKEN", name)]
    assert len(secret) == 6
    assert [(name, value) for name, value in secret if not value.startswith("${")] == []


def test_both_files_have_the_same_services_and_images() -> None:
    ours = {name: service["image"] for name, service in SERVICES.items()}
    theirs = {name: pod["containers"][0]["image"].removeprefix("registry.example.com/") for name, pod in PODS.items()}
    assert ours == theirs


def test_marquez_has_one_configuration_in_both_files() -> None:
    of_cluster = next(one["data"] for one in OBJECTS if one["kind"] == "ConfigMap")
    content = {name: config["content"].replace("$$", "$") for name, config in COMPOSE["configs"].items()}
    assert content == {"databases": of_cluster["databases.sql"], "marquez": of_cluster["marquez.yml"]}


def test_page_says_that_the_files_were_not_run() -> None:
    page = (DOCS / "how-to" / "server.md").read_text(encoding="utf-8")
    assert "They were not run here" in page
    assert "not run here" in (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert "not run here" in (FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")


def test_dockerfile_copies_files_that_exist() -> None:
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
