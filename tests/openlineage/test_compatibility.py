"""OpenLineage's compatibility tests: events of ours through their validator, and the scenario of dbt.

The validator and the scenario are read from a checkout of https://github.com/OpenLineage/compatibility-tests, which is
found by OPENLINEAGE_COMPATIBILITY_TESTS, or in `shared/openlineage/compatibility-tests` beside the repository. Without
one, these tests skip; what the scenario expects of its statements is tested all the same, as far as it is not dbt's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.settings import settings
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.testing import recorded_lineage, recording
from tests.openlineage.templates import differences
from tests.openlineage.test_golden import SHAPES
from tests.openlineage.validation import SPEC_FILES, faults
from tests.services.postgres import Postgres, postgres

__all__ = ["postgres"]

_PROJECT = "dbt_test.main.openlineage_compatibility_test"
_SCHEMA = """
    CREATE SCHEMA main;
    CREATE TABLE main.raw_customers
        (customer_id int, name text, email text, registration_date date, segment text);
    CREATE TABLE main.raw_orders (order_id int, customer_id int, order_date date, amount numeric, status text);
"""
# Statements with the columns and conditions of the scenario's models.
_MODELS = {
    "stg_customers": """SELECT customer_id, name AS customer_name, email, registration_date, segment,
        CASE WHEN segment = 'enterprise' THEN 'high' ELSE 'low' END AS value_tier FROM "dbt_test"."main"."raw_customers"
    """,
    "stg_orders": """SELECT order_id, customer_id, order_date, amount, status,
        CASE WHEN status = 'completed' THEN amount ELSE 0 END AS completed_amount
        FROM "dbt_test"."main"."raw_orders" WHERE status != 'cancelled'""",
    "customer_analytics": """SELECT c.customer_id, c.segment, c.value_tier, count(o.order_id) AS total_orders,
        avg(o.completed_amount) AS avg_order_value FROM "dbt_test"."main"."stg_customers" c
        LEFT JOIN "dbt_test"."main"."stg_orders" o ON c.customer_id = o.customer_id GROUP BY 1, 2, 3""",
}
_UPSTREAM = {"customer_analytics": ("stg_customers", "stg_orders")}
_PLACE = "postgres://localhost:5432"
_SOURCE = {"name": _PLACE, "uri": _PLACE}
_TYPES = {
    "stg_customers": {
        "customer_id": "integer", "customer_name": "text", "email": "text", "registration_date": "date",
        "segment": "text", "value_tier": "text",
    },
    "stg_orders": {
        "order_id": "integer", "customer_id": "integer", "order_date": "date", "amount": "numeric", "status": "text",
        "completed_amount": "numeric",
    },
    "customer_analytics": {
        "customer_id": "integer", "segment": "text", "value_tier": "text", "total_orders": "bigint",
        "avg_order_value": "numeric",
    },
}  # fmt: skip
_ORIGINS = {
    "stg_customers": {
        "customer_id": "raw_customers.customer_id IDENTITY",
        "customer_name": "raw_customers.name IDENTITY",
        "email": "raw_customers.email IDENTITY",
        "registration_date": "raw_customers.registration_date IDENTITY",
        "segment": "raw_customers.segment IDENTITY",
        "value_tier": "raw_customers.segment CONDITIONAL",
    },
    "stg_orders": {
        "order_id": "raw_orders.order_id IDENTITY",
        "customer_id": "raw_orders.customer_id IDENTITY",
        "order_date": "raw_orders.order_date IDENTITY",
        "amount": "raw_orders.amount IDENTITY",
        "status": "raw_orders.status IDENTITY",
        "completed_amount": "raw_orders.amount TRANSFORMATION, raw_orders.status CONDITIONAL",
        "*": "raw_orders.status FILTER",
    },
    "customer_analytics": {
        "customer_id": "stg_customers.customer_id IDENTITY",
        "segment": "stg_customers.segment IDENTITY",
        "value_tier": "stg_customers.value_tier IDENTITY",
        "total_orders": "stg_orders.order_id AGGREGATION",
        "avg_order_value": "stg_orders.completed_amount AGGREGATION",
        "*": "stg_customers.customer_id GROUP_BY+JOIN, stg_customers.segment GROUP_BY, stg_customers.value_tier GROUP_BY,"
        " stg_orders.customer_id JOIN",
    },
}
_VALIDATOR = """
import json, sys, types
from pathlib import Path
sys.modules["jsonc"] = json  # the package json-with-comments; these files have no comments
sys.path.insert(0, sys.argv[1])
import validate_ol_events as suite
given = json.load(sys.stdin)
validator = suite.OLSyntaxValidator.get_validator(sys.argv[2], "spec")
syntax = {name: validator.validate(event, name) for name, event in given["events"].items()}
semantics = {
    name: suite.OLSemanticValidator([(name, case["expected"], {})]).validate(case["events"])[name]
    for name, case in given["cases"].items()
}
found = {name: [test.status, test.details] for name, test in semantics.items()}
print("RESULT" + json.dumps({"syntax": syntax, "semantics": found}))
"""


def _suite() -> Path:
    beside = [above / "shared" / "openlineage" / "compatibility-tests" for above in Path(__file__).resolve().parents]
    named = os.environ.get("OPENLINEAGE_COMPATIBILITY_TESTS")
    for folder in [Path(named)] if named else beside:
        if (folder / "scripts" / "validate_ol_events.py").is_file():
            return folder
    pytest.skip("no checkout of OpenLineage's compatibility tests: set OPENLINEAGE_COMPATIBILITY_TESTS to one")


@pytest.fixture
def suite() -> Path:
    return _suite()


def _validated(suite: Path, folder: Path, events: dict[str, Any], cases: dict[str, Any]) -> dict[str, Any]:
    """The result of the suite's validator in a process of its own.

    It has the faults of the syntax of `events`, and the verdict on each case: on what is `expected` in its `events`.
    """
    spec = folder / "spec"
    spec.mkdir()
    for path in SPEC_FILES:
        schema = json.loads(path.read_text())
        (spec / path.name).write_text(json.dumps(schema))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _VALIDATOR, suite / "scripts", folder],
        input=json.dumps({"events": events, "cases": cases}), capture_output=True, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.rpartition("RESULT")[2])
    return result


def test_the_suites_validator_finds_no_fault_of_syntax(suite: Path, tmp_path: Path) -> None:
    events = {f"{shape} {n}": event for shape, build in SHAPES.items() for n, event in enumerate(build())}
    faults = {name: found for name, found in _validated(suite, tmp_path, events, {})["syntax"].items() if found != []}
    assert len(events) > 30
    assert faults == {}


def test_the_suites_validator_finds_a_fault(suite: Path, tmp_path: Path) -> None:
    event = SHAPES["flow"]()[-1]
    event["outputs"][0]["facets"]["schema"]["fields"][0].pop("name")
    event["run"]["facets"]["prefectRun"] = {"_producer": "https://a.example", "_schemaURL": "https://a.example/x.json"}
    assert len(_validated(suite, tmp_path, {"event": event}, {})["syntax"]["event"]) == 2


def test_our_own_validation_finds_the_same_faults() -> None:
    event = SHAPES["flow"]()[0]
    event["outputs"][0]["facets"]["schema"]["fields"][0].pop("name")
    event["run"]["facets"]["prefectRun"] = event["run"]["facets"].pop("prefect_run")
    found = faults([event])
    assert len(found) == 2
    assert "run/prefectRun: the key of a facet of one's own is `prefix_name`" in found[0]


@pytest.fixture
def built(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a model's query in a recorded run of its own and returns the run's events, by name."""
    database = postgres.database("dbt_test")
    with psycopg.connect(postgres.plain_url(database)) as connection:
        connection.execute(_SCHEMA)
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_SQL_TEXT", "full")
    settings.cache_clear()
    found: list[RunLineage] = []
    monkeypatch.setattr(recording, "value_of", found.append)

    def build(model: str, query: str) -> dict[str, Any]:
        with recorded_lineage("databases", name=f"{_PROJECT}.{model}", api="memory") as recorded:
            with psycopg.connect(postgres.plain_url(database)) as connection:
                connection.execute(f'CREATE TABLE "dbt_test"."main"."{model}" AS {query}')
            recorded._find()
        text = json.dumps(run_events(found[-1], namespace="dbt"))
        own = json.loads(text.replace(f"postgres://localhost:{postgres.port}", "postgres://localhost:5432"))
        return {f"{model} {event['eventType']}": event for event in own}

    yield build
    settings.cache_clear()


@pytest.mark.parametrize("model", _MODELS)
def test_a_model_of_the_scenario_is_described_whole(model: str, built: Any) -> None:
    """Without the checkout: what its scenario expects of a model, in a format of our own."""
    for before in _UPSTREAM.get(model, ()):
        built(before, _MODELS[before])
    events = built(model, _MODELS[model])
    end = events[f"{model} COMPLETE"]
    (output,) = end["outputs"]
    assert faults(events.values()) == []
    assert output["name"] == f"dbt_test.main.{model}"
    assert {one["namespace"] for one in (*end["inputs"], output)} == {_PLACE}
    assert all(list(differences(_SOURCE, one["facets"]["dataSource"])) == [] for one in (*end["inputs"], output))
    assert _types(output) == _TYPES[model]
    assert _origins(output) == _ORIGINS[model]
    assert _MODELS[model].strip() in end["job"]["facets"]["sql"]["query"]
    assert all(_types(one).items() >= _TYPES.get(_short(one["name"]), {}).items() for one in end["inputs"])


def _types(dataset: Any) -> dict[str, str]:
    return {field["name"]: field["type"] for field in dataset["facets"]["schema"]["fields"]}


def _origins(output: Any) -> dict[str, str]:
    """Columns with their origins (`stg_orders.amount IDENTITY`), and under `*` what decides over rows."""
    facet = output["facets"]["columnLineage"]
    of_columns = {name: field["inputFields"] for name, field in facet["fields"].items()}
    return {
        name: ", ".join(
            f"{_short(one['name'])}.{one['field']} {'+'.join(how['subtype'] for how in one['transformations'])}"
            for one in fields
        )
        for name, fields in (of_columns | {"*": facet.get("dataset", [])}).items()
        if fields
    }


def _short(name: str) -> str:
    return name.removeprefix("dbt_test.main.")


def test_dbts_scenario_passes(suite: Path, built: Any, tmp_path: Path) -> None:
    scenario = suite / "producer" / "dbt" / "scenarios" / "csv_to_postgres"
    tests = json.loads((scenario / "config.json").read_text())["tests"]
    expected = {t["name"]: json.loads((scenario / t["path"]).read_text()) for t in tests if "dbt" not in t["name"]}
    queries = {
        event["job"]["name"].rpartition(".")[2]: event["job"]["facets"]["sql"]["query"]
        for name, event in expected.items()
        if "sql" in name
    }
    events: dict[str, Any] = {}
    for model in ("stg_customers", "stg_orders", "customer_analytics"):
        events |= built(model, queries[model])
    assert len(expected) == 12
    cases = {
        name: {
            "expected": _without_what_only_dbt_has(event),
            "events": {key: _as_listed(found, event) for key, found in events.items()},
        }
        for name, event in expected.items()
    }
    result = _validated(suite, tmp_path, events, cases)
    assert {name: found for name, found in result["syntax"].items() if found != []} == {}
    assert {name: found for name, found in result["semantics"].items() if found != ["SUCCESS", []]} == {}
    assert len(result["semantics"]) == 12


def _without_what_only_dbt_has(event: Any) -> Any:
    """The expectation without descriptions of columns, which are in dbt's files, and without its empty lists of
    transformations. The query is a part of our statement."""
    if isinstance(event, list):
        return [_without_what_only_dbt_has(item) for item in event]
    if not isinstance(event, dict):
        return event
    kept = {key: _without_what_only_dbt_has(value) for key, value in event.items()}
    if "query" in kept:
        kept["query"] = "{{ contains(result, " + json.dumps(event["query"]) + ") }}"
    kept = {key: value for key, value in kept.items() if not (key == "transformations" and value == [])}
    return {key: value for key, value in kept.items() if not (key == "description" and "name" in kept)}


def _as_listed(event: Any, expected: dict[str, Any]) -> Any:
    """The event with those columns in schemas that the expectation lists: dbt lists the documented ones alone."""
    listed: dict[str, list[str]] = {}
    for dataset in (*expected.get("inputs", ()), *expected.get("outputs", ())):
        for field in dataset["facets"].get("schema", {}).get("fields", ()):
            listed.setdefault(dataset["name"], []).append(field["name"])
    copied = json.loads(json.dumps(event))
    for dataset in (*copied["inputs"], *copied["outputs"]):
        schema = dataset["facets"].get("schema")
        if schema and dataset["name"] in listed:
            schema["fields"] = [field for field in schema["fields"] if field["name"] in listed[dataset["name"]]]
    return copied
