"""Texts of people leave the flow's process, and Prefect, without the secrets in them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from prefect_lineage_events.context.defined import defined
from prefect_lineage_events.credentials import LOOKED_AT, MAX_LENGTH, without_credentials
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.emission.definitions_sent import Definitions
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import from_record
from prefect_lineage_events.instrumentation.record import _description
from prefect_lineage_events.openlineage.errors import sanitised
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.openlineage.job_facets import job_facets
from tests.emission.conftest import make_run
from tests.openlineage.conftest import deployed, elt
from tests.secrets.statements import secret_of
from tests.secrets.texts import FORMS
from tests.stitching.histories import NAMESPACE, Story
from tests.stitching.lineages import run as lineage_of

SECRET = secret_of(7000)
TEXTS = [form.format(secret=SECRET) for form in FORMS]
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize("text", TEXTS)
def test_secret_is_removed_and_the_rest_remains(text: str) -> None:
    shown = without_credentials(f"Loads the orders. {text}")
    assert SECRET not in shown
    assert "Loads the orders." in shown


@pytest.mark.parametrize("text", TEXTS)
def test_removing_credentials_twice_changes_nothing_more(text: str) -> None:
    once = without_credentials(text)
    assert without_credentials(once) == once


@pytest.mark.parametrize("text", TEXTS)
def test_secret_in_a_docstring_is_not_in_our_event(text: str) -> None:
    from prefect import flow, task

    def load() -> None: ...

    load.__doc__ = text
    definitions = Definitions()
    definitions.add(*defined(make_run().info.flow_run_id, flow(load), task(load)))
    found = definitions.take(again=False)
    assert found is not None
    assert found.flow is not None
    assert found.tasks
    assert SECRET not in found.model_dump_json()


@pytest.mark.parametrize("before", range(MAX_LENGTH - 60, MAX_LENGTH + 1, 10))
def test_secret_at_the_end_of_what_is_shown_is_removed(before: int) -> None:
    text = f"{'x ' * (before // 2)}postgres://etl:{SECRET}@db.example/shop{' and so on' * 100}"
    assert "hunter" not in without_credentials(text)


CUT_OFF = [*range(LOOKED_AT - 60, LOOKED_AT + 1, 5), LOOKED_AT - len("postgres://etl:hunter7000zz")]


def long_text(before: int) -> str:
    """A text of words with an address with a secret after so many characters."""
    return f"{'x ' * (before // 2)}{' ' * (before % 2)}postgres://etl:{SECRET}@db.example/shop{' and so on' * 100}"


@pytest.mark.parametrize("before", CUT_OFF)
@pytest.mark.parametrize("longest", [MAX_LENGTH, LOOKED_AT])
def test_secret_at_the_end_of_what_is_read_is_not_shown(before: int, longest: int) -> None:
    shown = without_credentials(long_text(before), longest)
    assert "hunter" not in shown
    assert shown.startswith("x x")
    assert shown.endswith("…")
    assert "hunter" not in sanitised(long_text(before))


@pytest.mark.parametrize("before", CUT_OFF)
def test_secret_after_a_long_text_that_is_removed_is_not_shown(before: int) -> None:
    key = f"-----BEGIN PRIVATE KEY-----{'A' * 8_000}"
    text = f"{key}. {long_text(before - len(key) - 2)}"
    assert "hunter" not in without_credentials(text)
    assert "hunter" not in sanitised(text)


@pytest.mark.parametrize("before", CUT_OFF)
def test_secret_at_the_end_of_what_the_flows_thread_takes_is_not_shown(before: int) -> None:
    from prefect import task

    key = f"-----BEGIN PRIVATE KEY-----{'A' * 8_000}"
    text = f"{key}. {long_text(before - len(key) - 2)}"
    _, found = defined(None, None, task(lambda: None, name="load", description=text))
    assert found is not None
    assert "hunter" not in without_credentials(found.description)
    assert "hunter" not in without_credentials(_description(text, raise_on_error=True))


@pytest.mark.parametrize(
    "form",
    ['password="correct horse hunter staple"', "{'token': 'a horse hunter staple'}", "Pwd=a horse hunter b;Uid=x"],
)
def test_secret_of_several_words_at_the_end_of_what_is_read_is_not_shown(form: str) -> None:
    for before in range(LOOKED_AT - 60, LOOKED_AT, 2):
        text = f"{'x ' * (before // 2)}{form}{' and so on' * 100}"
        assert not {"horse", "hunter"} & set(without_credentials(text, LOOKED_AT).split())


def test_long_text_without_blanks_is_not_shown() -> None:
    text = f"{'x' * (LOOKED_AT - 30)},postgres://etl:{SECRET}@db.example/shop"
    assert without_credentials(text) == "…"
    assert sanitised(text) == "…"


@pytest.mark.parametrize("text", TEXTS)
def test_secret_in_the_description_of_a_record_is_not_in_its_event(text: str) -> None:
    note = RecordNote("misc", None, (Dataset("s3://lake", "orders"),), make_run(), NOW, description=text)
    (pending,) = from_record(note)
    assert SECRET not in pending.event.model_dump_json()


def test_description_of_a_record_is_shown_in_part() -> None:
    note = RecordNote("misc", None, (Dataset("s3://lake", "a"),), make_run(), NOW, description="refreshed " * 100)
    (pending,) = from_record(note)
    assert pending.event.statement.reason == f"{('refreshed ' * 20)[:199]}…"


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset("s3://lake", f"orders.csv?X-Amz-Credential=a&X-Amz-Signature={SECRET}"),
        Dataset("abfss://c@a.dfs.core.windows.net", f"orders.csv?sig={SECRET}"),
        Dataset("https://api.example", f"orders?token={SECRET}"),
        Dataset(f"https://etl:{SECRET}@api.example", "orders"),
        Dataset(f"postgres://etl:{SECRET}@db.example:5432", "shop.public.orders"),
        Dataset("s3://lake", f"?sig={SECRET}"),
    ],
    ids=lambda dataset: dataset.namespace.partition(":")[0],
)
@pytest.mark.parametrize("role", ["input", "output", "symlink", "moved"])
def test_secret_in_the_address_of_a_recorded_dataset_is_not_in_its_event(dataset: Dataset, role: str) -> None:
    plain = Dataset("s3://lake", "plain.csv")
    output = dataset if role == "output" else plain
    note = RecordNote("write", output, (dataset,) if role == "input" else (), make_run(), NOW)
    note = replace(note, symlinks=(dataset,) if role == "symlink" else ())
    note = replace(note, moved=(dataset, plain) if role == "moved" else ())
    (pending,) = from_record(note)
    assert SECRET not in pending.event.model_dump_json()


def test_question_mark_in_the_name_of_an_object_remains() -> None:
    note = RecordNote("write", Dataset("s3://lake", "what?.csv"), (), make_run(), NOW)
    (pending,) = from_record(note)
    assert pending.event.output is not None
    assert pending.event.output.name == "what?.csv"


@pytest.mark.parametrize("text", TEXTS)
def test_secret_in_a_text_of_prefect_is_not_sent_to_a_target(text: str) -> None:
    story = elt()
    found = lineage_of(story)
    known = replace(
        deployed(found.run),
        deployment_description=text,
        tags=("etl", text),
        owners=(text,),
        parameters={"day": "2026-11-01", "note": text, "options": {"of": [text]}},
    )
    found = replace(found, run=known)
    assert SECRET not in str(run_events(found, namespace="prefect://acme"))
    for kind in ("FLOW", "TASK"):
        assert SECRET not in str(job_facets(known, found.lineage, kind, definition=Definition(description=text)))


@pytest.mark.parametrize("text", TEXTS)
def test_secret_in_the_description_of_an_asset_is_not_sent_to_a_target(text: str) -> None:
    story = Story().write("b", "a").asset(f"{NAMESPACE}/b", description=f"The b. {text}", owners=(text,))
    sent = str(run_events(lineage_of(story), namespace="prefect://acme"))
    assert "The b." in sent
    assert SECRET not in sent


@pytest.mark.parametrize("name", ["password", "api_token", "pin", "otp", "db_passwd"])
def test_number_under_the_name_of_a_secret_is_not_sent_to_a_target(name: str) -> None:
    found = lineage_of(elt())
    found = replace(found, run=replace(found.run, parameters={name: 73_114_592, "limit": 5}))
    facets = run_events(found, namespace="prefect://acme")[-1]["run"]["facets"]
    assert facets["prefect_run"]["parameters"] == {name: "?", "limit": 5}
    assert "73114592" not in str(facets)
