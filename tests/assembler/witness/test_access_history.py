"""Rows of the access history, as documented, become what statements read and wrote."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.assembler.witness.access_history import answers
from prefect_lineage_events.history.witnessed import MAX_COLUMNS, MAX_DATASETS, MAX_STATEMENTS, Witnessed
from tests.services.access_history import STARTED, accessed, modified, row

RUN = uuid4()
NAMESPACE = "snowflake://org-acc"


def said(*rows: tuple, asked: str = "q1", reports=lambda uri: True) -> Witnessed:
    (one,) = answers(rows, {asked: RUN}, {RUN: NAMESPACE}, reports)
    return one


def test_a_write_has_its_tables_and_columns():
    one = said(row("q1", [accessed("DB.S.ORDERS", "ID")], [modified("DB.S.MART", {"KEY": [("DB.S.ORDERS", "ID")]})]))
    (statement,) = one.statements
    (write,) = statement.writes
    assert (one.flow_run_id, one.query_id, statement.started) == (RUN, "q1", STARTED)
    assert [d.uri for d in statement.inputs] == [f"{NAMESPACE}/DB/S/ORDERS"]
    assert write.output.uri == f"{NAMESPACE}/DB/S/MART"
    assert [(e.column, e.source, e.source_column) for e in write.columns] == [("KEY", f"{NAMESPACE}/DB/S/ORDERS", "ID")]
    assert not statement.cut


def test_statements_of_a_procedure_belong_to_its_call():
    child = row("q2", [accessed("DB.S.A")], [modified("DB.S.B")], root="q1")
    call = row("q1", [accessed("DB.S.P()", domain="Procedure")])
    one = said(call, child)
    assert [statement.query_id for statement in one.statements] == ["q1", "q2"]
    assert one.statements[0].inputs == ()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("DB.S.T", "DB.S.T"),
        ('DB.S."My Table"', "DB.S.My Table"),
        ('DB."s.x".T', 'DB."s.x".T'),
        ('"db".S."a""b"', 'db.S."a""b"'),
    ],
)
def test_names_are_those_of_the_store(name, stored):
    (statement,) = said(row("q1", [accessed(name)])).statements
    assert [d.name for d in statement.inputs] == [stored]


@pytest.mark.parametrize("domain", ["Function", "Procedure", "Stage", "Integration", "", None])
def test_objects_without_rows_are_no_datasets(domain):
    (statement,) = said(row("q1", [accessed("DB.S.X", domain=domain)])).statements
    assert statement.inputs == ()


@pytest.mark.parametrize("name", ["", None, "T", "S.T", "A.B.C.D"])
def test_an_object_without_a_full_name_is_no_dataset_and_leaves_a_gap(name):
    (statement,) = said(row("q1", [accessed(name)])).statements
    assert statement.inputs == ()
    assert statement.cut


@pytest.mark.parametrize("domain", ["Hybrid table", "Semantic View", "Secure view", "Dataset", "", None])
def test_an_object_of_an_unknown_domain_leaves_a_gap(domain):
    (read,) = said(row("q1", [accessed("DB.S.X", domain=domain), accessed("DB.S.T")])).statements
    assert [d.name for d in read.inputs] == ["DB.S.T"]
    assert read.cut


@pytest.mark.parametrize("domain", ["Function", "Procedure", "External function", "Sequence", "Integration", "Task"])
def test_an_object_without_rows_leaves_no_gap(domain):
    (statement,) = said(row("q1", [accessed("DB.S.X", domain=domain)])).statements
    assert not statement.cut


@pytest.mark.parametrize("column", [{"columnName": "TRUNCATED", "columnId": -1}])
def test_columns_that_the_view_cut_leave_a_gap(column):
    written = {"objectDomain": "Table", "objectName": "DB.S.T", "objectId": 3, "columns": [column]}
    (statement,) = said(row("q1", [], [written])).statements
    assert statement.cut


@pytest.mark.parametrize("kind", ["Internal Named", "External Named"])
def test_a_named_stage_is_a_dataset(kind):
    stage = {"objectDomain": "Stage", "objectName": "DB.S.RAW", "objectId": 3, "stageKind": kind}
    (statement,) = said(row("q1", [stage], [modified("DB.S.T")])).statements
    assert [(d.name, d.kind) for d in statement.inputs] == [("@DB.S.RAW", "stage")]
    assert not statement.cut


@pytest.mark.parametrize(
    "stage",
    [
        {"objectDomain": "Stage", "objectName": "DB.S.ORDERS", "objectId": 3, "stageKind": "Table"},
        {"objectDomain": "Stage", "objectName": "BOB", "objectId": 3, "stageKind": "User"},
        {"locations": ["s3://bucket/raw/"]},
    ],
)
def test_a_stage_without_a_name_leaves_a_gap(stage):
    (statement,) = said(row("q1", [stage], [modified("DB.S.T")])).statements
    assert (statement.inputs, statement.cut) == ((), True)


def test_a_dataset_that_the_rules_leave_out_is_not_named():
    read, written = accessed("DB.S.SECRET", "X"), modified("DB.S.MART", {"KEY": [("DB.S.SECRET", "X")]})
    one = said(row("q1", [read], [written, modified("DB.S.SECRET")]), reports=lambda uri: "SECRET" not in uri)
    assert "SECRET" not in one.model_dump_json()
    assert len(one.statements[0].writes) == 1


@pytest.mark.parametrize("cut", [{"objectName": "TRUNCATED"}, {"objectId": -1}])
def test_a_part_that_the_view_cut_is_said(cut):
    (statement,) = said(row("q1", [accessed("DB.S.A")], [{**modified("DB.S.B"), **cut}])).statements
    assert statement.cut


@pytest.mark.parametrize("read", ["[[]]", '[{"objectDomain": "Table", "objectName": "DB.S.A"}, 1]', '"text"', "{}", {}])
def test_objects_in_a_shape_that_is_not_documented_leave_a_gap(read):
    (statement,) = said(("q1", None, STARTED, read, json.dumps([modified("DB.S.T", {})]))).statements
    assert statement.cut


@pytest.mark.parametrize("read", [None, "[]", "null"])
def test_a_statement_that_read_nothing_leaves_no_gap(read):
    (statement,) = said(("q1", None, STARTED, read, json.dumps([modified("DB.S.T", {})]))).statements
    assert not statement.cut


def test_an_answer_is_bounded_and_says_so():
    wide = modified("DB.S.B", {f"C{n}": [("DB.S.A", f"C{n}")] for n in range(MAX_COLUMNS + 1)})
    (statement,) = said(row("q1", [accessed("DB.S.A")], [wide])).statements
    assert (len(statement.writes[0].columns), statement.cut) == (MAX_COLUMNS, True)
    (statement,) = said(row("q1", [accessed(f"DB.S.T{n}") for n in range(MAX_DATASETS + 1)])).statements
    assert statement.cut
    many = [row(f"q{n}", [accessed("DB.S.A")], root="q0") for n in range(1, MAX_STATEMENTS + 2)]
    statements = said(*many, asked="q0").statements
    assert (len(statements), statements[-1].cut) == (MAX_STATEMENTS, True)
    each = [
        row(f"q{n}", [], [modified("DB.S.B", {f"C{m}": [("DB.S.A", f"C{m}")] for m in range(900)})], root="q0")
        for n in range(1, 6)
    ]
    statements = said(*each, asked="q0").statements
    assert sum(len(write.columns) for one in statements for write in one.writes) <= MAX_COLUMNS
    assert [one.cut for one in statements] == [False, False, True, True, True]


def test_rows_of_statements_that_were_not_asked_for_are_ignored():
    assert list(answers([row("q9", [accessed("DB.S.A")])], {"q1": RUN}, {RUN: NAMESPACE}, lambda uri: True)) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["columns", "objectName", "objectDomain", "directSources", "columnName"]), inner
        )
    ),
    max_leaves=8,
)


@given(json_values, json_values)
def test_rows_of_any_shape_raise_nothing(read, written):
    rows = [("q1", None, None, json.dumps(read), json.dumps(written)), ("q1", "x"), None]
    list(answers([one for one in rows if one], {"q1": RUN}, {RUN: NAMESPACE}, lambda uri: True))
