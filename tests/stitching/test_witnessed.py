"""The warehouse's access history completes statements that were understood in part, and calls."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from prefect_lineage_events.events import EventColumnEdge, EventDataset
from prefect_lineage_events.history.model import RunHistory
from prefect_lineage_events.history.witnessed import Witnessed, WitnessedStatement, WitnessedWrite
from prefect_lineage_events.stitching.model import RunLineage
from prefect_lineage_events.stitching.stitch import stitch
from prefect_lineage_events.stitching.witnessed import unwitnessed
from tests.stitching.histories import Story

SNOWFLAKE = "snowflake://org-acc/DB/S"
PARTIAL = {"dialect": "snowflake", "confidence": "partial", "reason": "a name is known only when it runs"}


def table(name: str, **more) -> EventDataset:
    return EventDataset(namespace="snowflake://org-acc", name=f"DB.S.{name}", **more)


def column(edge: str) -> EventColumnEdge:
    """`A.x>y`: column x of A goes into y."""
    source, _, target = edge.partition(">")
    name, _, source_column = source.partition(".")
    return EventColumnEdge(column=target, source=table(name).uri, source_column=source_column)


def statement(query_id: str, reads: str = "", **writes: str) -> WitnessedStatement:
    """A statement that reads `A B`; for each table written, its column edges."""
    written = tuple(
        WitnessedWrite(output=table(name), columns=tuple(map(column, edges.split()))) for name, edges in writes.items()
    )
    return WitnessedStatement(query_id=query_id, inputs=tuple(map(table, reads.split())), writes=written)


def witnessed(story: Story, *statements: WitnessedStatement, of: str = "q1") -> RunLineage:
    said = Witnessed(flow_run_id=uuid4(), query_id=of, statements=statements)
    return stitch(replace(story.history(), witnessed=(said,)))


def edges(found: RunLineage) -> set[tuple[str, str, str]]:
    return {(e.source.name, e.target.name, e.evidence) for e in found.lineage.edges}


def call(**more) -> Story:
    info = {**PARTIAL, "calls_procedure": True, "query_id": "q1", **more}
    return Story().read(task="T", **info)


@pytest.mark.parametrize("named", ["snowflake://org-acc/@DB/S/RAW", "s3://bucket/raw"])
def test_stages_and_files_of_the_text_stay_sources(named):
    story = Story().write(f"{SNOWFLAKE}/MART", named, query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1", "ORDERS", MART="ORDERS.ID>KEY"))
    assert [e.source.uri for e in found.lineage.edges] == sorted([named, f"{SNOWFLAKE}/ORDERS"])
    assert {e.evidence for e in found.lineage.edges} == {"warehouse"}


def test_a_stage_that_both_name_is_one_source():
    stage = EventDataset(namespace="snowflake://org-acc", name="@DB.S.RAW", kind="stage")
    said = WitnessedStatement(query_id="q1", inputs=(stage,), writes=(WitnessedWrite(output=table("MART")),))
    story = Story().write(f"{SNOWFLAKE}/MART", stage.uri, query_id="q1", **PARTIAL)
    assert [e.source.uri for e in witnessed(story, said).lineage.edges] == [stage.uri]


def test_a_read_of_a_stage_keeps_it():
    story = Story().read("snowflake://org-acc/@DB/S/RAW", query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1", "ORDERS"))
    assert [use.dataset.name for use in found.lineage.inputs] == ["@DB.S.RAW", "DB.S.ORDERS"]


def test_a_partial_write_gets_its_sources_and_columns():
    story = Story().write(f"{SNOWFLAKE}/MART", query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1", "ORDERS", MART="ORDERS.ID>KEY"))
    assert edges(found) == {("DB.S.ORDERS", "DB.S.MART", "warehouse")}
    assert [(e.source_column, e.target_column) for e in found.lineage.columns] == [("ID", "KEY")]
    assert [s.confidence for s in found.lineage.statements] == ["exact"]


def test_a_table_that_was_not_understood_is_replaced():
    story = Story().write(f"{SNOWFLAKE}/GUESS", f"{SNOWFLAKE}/ORDERS", query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1", "ORDERS", MART=""))
    assert edges(found) == {("DB.S.ORDERS", "DB.S.MART", "warehouse")}
    assert [use.dataset.name for use in found.lineage.outputs] == ["DB.S.MART"]


def test_an_exact_statement_stays_as_it_is():
    story = Story().write(f"{SNOWFLAKE}/MART", f"{SNOWFLAKE}/ORDERS", query_id="q1", dialect="snowflake")
    found = witnessed(story, statement("q1", "OTHER", ELSE=""))
    assert edges(found) == {("DB.S.ORDERS", "DB.S.MART", "sql")}


def test_a_call_has_the_edges_of_its_statements():
    load = statement("q2", "RAW", STAGED="RAW.A>A")
    found = witnessed(call(), statement("q1"), load, statement("q3", "STAGED", MART="STAGED.A>B"))
    assert edges(found) == {("DB.S.RAW", "DB.S.STAGED", "warehouse"), ("DB.S.STAGED", "DB.S.MART", "warehouse")}
    assert [s.query_id for s in found.lineage.statements] == ["q1", "q2", "q3"]
    assert {s.confidence for s in found.lineage.statements} == {"exact"}


def test_tables_that_a_procedure_only_reads_are_inputs_and_no_source_of_rows_in_python():
    story = call().write(f"{SNOWFLAKE}/OUT", task="T", binds="x", rows=3, dialect="snowflake", query_id="q9")
    found = witnessed(story, statement("q1"), statement("q2", "RAW"))
    assert [use.dataset.name for use in found.lineage.inputs] == ["DB.S.RAW"]
    assert edges(found) == set()


def test_a_procedure_on_which_the_warehouse_says_nothing_more_touched_nothing():
    found = witnessed(call(), statement("q1"))
    assert found.lineage.empty
    assert [s.confidence for s in found.lineage.statements] == ["exact"]


def test_an_answer_that_was_cut_is_not_exact():
    cut = statement("q2", "RAW", MART="").model_copy(update={"cut": True})
    found = witnessed(call(), statement("q1"), cut)
    assert {s.confidence for s in found.lineage.statements} == {"partial"}


def test_the_answer_about_one_of_several_executions_completes_none():
    story = Story().write(f"{SNOWFLAKE}/MART", query_id="q1", executions=10, **PARTIAL)
    found = witnessed(story, statement("q1", "ORDERS", MART="ORDERS.ID>KEY"))
    assert edges(found) == set()
    assert [(s.confidence, "one of several executions" in s.reason) for s in found.lineage.statements] == [
        ("partial", True)
    ]


def test_rows_through_a_temporary_table_of_the_run_flow_past_it():
    story = Story().create(f"#{SNOWFLAKE}/TMP", f"{SNOWFLAKE}/RAW", dialect="snowflake", query_id="q0")
    story.write(f"{SNOWFLAKE}/MART", query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1", "TMP", MART="TMP.A>B"))
    assert {(source, target) for source, target, _ in edges(found)} == {("DB.S.RAW", "DB.S.MART")}


def test_the_target_of_an_update_is_no_source_unless_a_column_comes_from_it():
    story = Story().write(f"{SNOWFLAKE}/MART", query_id="q1", **PARTIAL)
    assert edges(witnessed(story, statement("q1", "MART RAW", MART="RAW.A>B"))) == {
        ("DB.S.RAW", "DB.S.MART", "warehouse")
    }


def test_ddl_that_the_view_does_not_list_stays():
    story = Story().create(f"{SNOWFLAKE}/V", f"{SNOWFLAKE}/A", query_id="q1", **PARTIAL)
    found = witnessed(story, statement("q1"))
    assert edges(found) == {("DB.S.A", "DB.S.V", "sql")}
    assert [s.confidence for s in found.lineage.statements] == ["partial"]


@pytest.mark.parametrize(
    ("info", "asks"),
    [
        (PARTIAL, True),
        ({**PARTIAL, "confidence": "recovered"}, True),
        ({"dialect": "snowflake"}, False),
        ({**PARTIAL, "dialect": "postgres"}, False),
        ({**PARTIAL, "query_id": None}, False),
        ({"dialect": "snowflake", "calls_procedure": True}, True),
        ({"dialect": "snowflake", "sql": "call db.s.load(?)"}, False),
    ],
)
def test_the_warehouse_is_asked_about_statements_that_may_lack_something(info, asks):
    history = Story().write(f"{SNOWFLAKE}/MART", **{"query_id": "q1", **info}).history()
    assert list(unwitnessed(history)) == (["q1"] if asks else [])


def test_a_statement_is_asked_about_once():
    history: RunHistory = call().history()
    said = Witnessed(flow_run_id=history.run.id, query_id="q1")
    assert not unwitnessed(replace(history, witnessed=(said,)))


def test_the_same_answers_give_the_same_lineage_again():
    answers = (statement("q1"), statement("q2", "RAW B", MART="RAW.A>X B.A>Y", LOG=""))
    first, second = witnessed(call(), *answers), witnessed(call(), *answers)
    assert (first.lineage, first.tasks, first.body) == (second.lineage, second.tasks, second.body)
