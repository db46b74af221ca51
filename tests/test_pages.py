"""Files that are written from the code are up to date, and the glossary names files that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from prefect_lineage_events import __all__ as public_names
from prefect_lineage_events import deploy
from prefect_lineage_events.automations.assemble import SETTLE_SECONDS
from prefect_lineage_events.instrumentation.drivers.registry import KNOWN
from prefect_lineage_events.instrumentation.libraries import LIBRARIES
from prefect_lineage_events.instrumentation.library import Library
from tests.pages import DOCS, maker

ROOT = DOCS.parent
PACKAGE = ROOT / "prefect_lineage_events"
FILES = maker("make_deployment_files").files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_deployment_files_are_those_of_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run `make pages`"


def test_prefect_yaml_has_the_schedule_and_the_limit_of_the_sweep() -> None:
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    (sweep,) = (one for one in deployments if one["entrypoint"].endswith("sweep"))
    assert sweep["schedules"] == [{"interval": deploy.SWEEP_MINUTES * 60}]
    assert sweep["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_support_page_shows_the_libraries_of_the_code() -> None:
    page = maker("make_support_page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `make pages`"


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.module)
def test_library_is_shown_by_tests_against_something(library: Library) -> None:
    assert library.captured
    assert library.against
    assert library.tests
    assert [path for path in library.tests if not (ROOT / path).exists()] == []


def test_command_line_page_has_the_help_of_the_commands() -> None:
    page = maker("make_cli_page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `make pages`"


def test_examples_of_the_command_line_page_are_one_line_each() -> None:
    examples = re.findall(
        r"^Examples:\n(.*?)\n```", (DOCS / "cli.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert examples
    assert [line for text in examples for line in text.splitlines() if not line.startswith("  prefect-lineage ")] == []


@pytest.mark.parametrize("name", ["make_events_page", "make_limits_page"])
def test_page_of_the_reference_is_that_of_the_code(name: str) -> None:
    page = maker(name)
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `make pages`"


def test_events_page_has_the_fields_of_every_model_in_a_payload() -> None:
    def within(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
            for field in annotation.model_fields.values():
                yield from within(field.annotation)
        for inner in get_args(annotation):
            yield from within(inner)

    described = [model for _, model in maker("make_events_page").MODELS]
    assert {inner for model in described for inner in within(model)} == set(described)


def test_api_page_has_the_public_names() -> None:
    named = re.findall(
        r"^::: prefect_lineage_events\.(\w+)$", (DOCS / "reference" / "api.md").read_text(), re.MULTILINE
    )
    assert sorted(named) == sorted(public_names)


def test_facets_page_names_the_facets_that_the_code_makes() -> None:
    generic = {"BaseSubsetDatasetFacet", "DatasetFacet", "JobFacet", "LineageJobFacet", "RunFacet"}
    sources = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "openlineage").glob("*.py"))
    made = set(re.findall(r"\b([A-Z]\w+Facet)\b(?=[\"'.])", sources)) - generic
    named = re.findall(r"`([A-Z]\w+Facet)`", (DOCS / "reference" / "facets.md").read_text(encoding="utf-8"))
    assert made == set(named)


def test_architecture_page_shows_the_imports_of_the_code() -> None:
    page = maker("make_architecture_page")
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `make pages`"
    assert page.IMAGE.read_text(encoding="utf-8") == page.image(), "run `make pages`"


def test_architecture_page_names_only_rooms_that_exist() -> None:
    rooms = {room for rooms in maker("make_architecture_page").WINGS.values() for room in rooms}
    assert {room for room in rooms if not (PACKAGE / room).exists() and not (PACKAGE / f"{room}.py").exists()} == set()


def test_drivers_page_has_the_tables_of_the_code() -> None:
    drivers = maker("make_drivers_page")
    text = drivers.PAGE.read_text(encoding="utf-8")
    assert text == drivers.page(text), "run `make pages`"
    assert [kind for _, kind, _, _ in drivers._TABLE.findall(text)] == list(drivers.TABLES)


@pytest.mark.parametrize("module", [known.module for known in KNOWN])
def test_readme_names_each_driver_that_has_a_description(module: str) -> None:
    name = module.removesuffix(".connector").removesuffix(".sql").rpartition(".")[2]
    compatibility = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## Compatibility")[2].partition("\n## ")[0]
    )
    assert re.search(rf"\b{name}\b", compatibility, re.IGNORECASE)


def test_rooms_that_import_each_other_have_no_page() -> None:
    with pytest.raises(ValueError, match="circle: a, b"):
        maker("make_architecture_page")._from_the_top({"a": {"b"}, "b": {"a"}, "c": {"a"}})


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+(?:\.py|/))`", (DOCS / "glossary.md").read_text()))))
def test_glossary_names_files_that_exist(path: str) -> None:
    assert (PACKAGE / path).exists()


def test_every_script_that_writes_files_is_run_by_make_pages() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    scripts = {path.name for path in DOCS.glob("make_*.py")}
    assert {script for script in scripts if script.removeprefix("make_").removesuffix(".py") not in makefile} == set()


def test_served_assembler_has_the_defaults() -> None:
    tree = ast.parse((ROOT / "deployments" / "serve.py").read_text(encoding="utf-8"))
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given.pop("sweep_minutes") == deploy.SWEEP_MINUTES
    assert given.pop("settle") == SETTLE_SECONDS
    assert given == {name: deploy.serve.__kwdefaults__[name] for name in given}
