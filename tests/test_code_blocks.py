"""Every code block of the documents: Python is run, commands are parsed, configuration is validated.

What a block needs decides what is done with it. Python runs page by page, its blocks in order, with the fixture `lineage`;
blocks that need PostgreSQL or S3 get them. Blocks that need a service that cannot run here are compiled.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from prefect_lineage_events import events
from prefect_lineage_events.delivery.configuration import endpoints, identity
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.testing import RecordedLineage
from prefect_lineage_events.testing.plugin import lineage
from tests.code_blocks import BLOCKS, ROOT, Block
from tests.commands import faults_of
from tests.environment_names import unknown_names
from tests.services.moto import Moto, moto, moto_server
from tests.services.postgres import Postgres, postgres
from tests.test_extras import tomllib

__all__ = ["lineage", "moto", "moto_server", "postgres"]

# Pages whose Python has tests of its own, with more than is checked here.
TESTED_APART = {
    "docs/write-your-own.md": "tests/testing/test_guide.py",
    "docs/drivers.md": "tests/instrumentation/drivers/test_registry.py",
}
# Blocks that are compiled only. Snowflake, a cluster of Dask and Slack are services; the README's third way is a sketch.
COMPILED = {
    "README.md-5": "its address and its frame are left to the reader",
    "docs/backfill.md-2": "needs a Dask cluster",
    "docs/how-to/alarms.md-1": "is run by tests/documents, on a server",
    "docs/how-to/snowflake.md-1": "needs Snowflake",
    "docs/how-to/snowflake.md-2": "needs Snowflake",
}
# The edges that each page's Python makes; datasets without an edge stand alone.
EDGES: dict[str, set[str]] = {
    "README.md": set(),
    "docs/how-to/existing-flows.md": set(),
    "docs/how-to/files-s3.md": {
        "raw/orders-2026-11-28.csv > clean",
        "data/orders.txt > data/orders.json",
        "notes.txt",
    },
    "docs/how-to/postgresql-pandas.md": {"public.orders > public.totals", "public.totals > public.ranked"},
    "docs/how-to/snowflake.md": {"RAW.ORDERS > MART.SALES"},
    "docs/tutorial.md": {"orders.csv > orders", "orders > sales", "sales > best_customers.csv"},
}
LANGUAGES = {"", "bash", "console", "json", "mermaid", "python", "sh", "text", "toml", "yaml"}


def _of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


PYTHON = [block for block in _of("python") if block.document not in TESTED_APART]


def test_each_block_has_a_language_that_is_checked() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    commands = [str(block) for block in _of("", "text") if re.search(r"^(\$ |export |pip |prefect)", block.text, re.M)]
    assert commands == []


def test_each_page_with_python_is_run() -> None:
    assert {block.document for block in PYTHON if str(block) not in COMPILED} == EDGES.keys()
    assert COMPILED.keys() <= {str(block) for block in PYTHON}
    assert [path for path in TESTED_APART.values() if not (ROOT / path).exists()] == []


def test_python_compiles() -> None:
    for block in _of("python"):
        compile(block.text, f"{block}.py", "exec")


@pytest.mark.parametrize("page", EDGES)
def test_python_of_a_page_makes_the_lineage_that_it_says(
    page: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block for block in BLOCKS if block.document == page]
    for service in sorted({block.needs for block in blocks if block.needs and str(block) not in COMPILED}):
        _SERVICES[service](request, monkeypatch)
    monkeypatch.chdir(tmp_path)
    found: RecordedLineage = request.getfixturevalue("lineage")
    names: dict[str, Any] = {}
    for block in blocks:
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
        if block in PYTHON and str(block) not in COMPILED:
            names["__name__"] = "__main__" if block.file else "page"
            exec(compile(block.text, f"{block}.py", "exec"), names)
    expected = {text for text in EDGES[page] if " > " in text}
    for text in expected:
        found.assert_edge(*text.split(" > "))
    assert len(found.edges) == len(expected), found
    for alone in EDGES[page] - expected:
        found.assert_reads(alone)
    assert all(run.complete for run in found.runs)


def _postgres(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg2

    server: Postgres = request.getfixturevalue("postgres")
    database = server.database("docs")
    # By the driver that the page names and installs.
    (driver,) = re.findall(r"# postgresql\+(\w+)://", (ROOT / "docs/how-to/postgresql-pandas.md").read_text())
    monkeypatch.setenv("SHOP_URL", server.url(database, driver))
    with psycopg2.connect(server.dsn(database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id int, customer text, amount int, status text)")
        cursor.execute(
            "INSERT INTO orders VALUES (1, 'Ada', 120, 'paid'), (2, 'Ben', 80, 'paid'), (3, 'Ada', 4, 'open')"
        )


def _s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    server: Moto = request.getfixturevalue("moto")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    text = b"customer,amount,status\nAda,120,paid\nBen,80,open\n"
    server.client().put_object(Bucket=server.bucket("lake"), Key="raw/orders-2026-11-28.csv", Body=text)


_SERVICES = {"postgres": _postgres, "s3": _s3}


def test_commands_can_be_run() -> None:
    assert {str(block): faults for block in _of("bash", "sh", "console") if (faults := faults_of(block))} == {}


@pytest.mark.parametrize("block", _of("yaml"), ids=str)
def test_yaml_is_a_configuration(block: Block) -> None:
    found = yaml.safe_load(block.text)
    if transport := found.get("transport"):
        assert all(identity(endpoint) for endpoint in endpoints(transport))
        assert _unknown_keys(transport) == []
    else:
        environments = [one["work_pool"]["job_variables"]["env"] for one in found["deployments"]]
        assert unknown_names(name for environment in environments for name in environment) == []


def _unknown_keys(transport: dict[str, Any]) -> list[str]:
    """Keys of a transport, and of those within it, that the client's own configuration has not."""
    from openlineage.client.transport.composite import CompositeConfig
    from openlineage.client.transport.file import FileConfig
    from openlineage.client.transport.http import HttpConfig
    from openlineage.client.transport.kafka import KafkaConfig

    kinds = {"composite": CompositeConfig, "file": FileConfig, "http": HttpConfig, "kafka": KafkaConfig}
    known = {"type"}.union(*(inspect.get_annotations(kind) for kind in kinds[transport["type"]].__mro__))
    inner = transport.get("transports", {}).values()
    return [*(transport.keys() - known), *(key for one in inner for key in _unknown_keys(one))]


@pytest.mark.parametrize("block", _of("toml"), ids=str)
def test_toml_has_settings_that_exist(block: Block) -> None:
    found = list(_tables(tomllib.loads(block.text)))
    assert found
    for table in found:
        LineageSettings.model_validate(table)
        assert table.keys() <= LineageSettings.model_fields.keys()


def _tables(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for root in (found, found.get("tool", {}).get("prefect", {})):
        if table := root.get("integrations", {}).get("lineage_events"):
            yield table


@pytest.mark.parametrize("block", _of("json"), ids=str)
def test_json_is_valid(block: Block) -> None:
    found = json.loads(block.text)
    if "event" in found:
        event = events.parse(found["event"], found["payload"])
        assert event is not None
        assert UUID(found["id"]) == event.emitter.event_id()
