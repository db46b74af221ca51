"""Statements that follow each other without a semicolon."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.splitting.batches import statements_of_batch
from prefect_lineage_events.sql.tables.scripting_blocks import heads
from prefect_lineage_events.sql.words import from_text


@pytest.mark.parametrize(
    "statements",
    [
        ["select a from t", "select b from u"],
        ["insert into t select * from a union all select * from b", "delete from c"],
        ["with c as (select 1) insert into t select * from c", "update u set a = 1", "select 1"],
        ["merge into t using s on a = b when matched then update set a = 1 when not matched then insert (a) values (1)", "select 1"],
        ["alter table t alter column c int", "alter table t drop column d", "drop table if exists u"],
        ["create table t (a int)", "insert t exec p", "select case when a = 1 then 2 end from t"],
        ["grant select, insert on t to u", "select 1 from t"],
        ["create view v as select 1 as a"],
        ["select * from t with (nolock) for update"],
        ["delete from t output deleted.a into u where b = 1", "print 1"],
    ],
)  # fmt: skip
def test_statements_are_cut_where_another_starts(statements: list[str]):
    words = from_text(" ".join(statements))
    assert [part.between(0, len(part)) for part in statements_of_batch(words)] == statements


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("begin insert into t values (1)", "insert into t values (1)"),
        ("if (x > 0) then delete from t", "delete from t"),
        ("elseif (x > 0) then delete from t", "delete from t"),
        ("else delete from t", "delete from t"),
        ("for r in (select * from u) do insert into t values (1)", "insert into t values (1)"),
        ("for r in select * from u loop insert into t values (1)", "insert into t values (1)"),
        ("exception when other then insert into t values (1)", "insert into t values (1)"),
        ("if exists (select 1 from u) begin delete from t", "delete from t"),
        ("<<label>> while x < 5 loop delete from t", "delete from t"),
        ("end try begin catch select 1", "select 1"),
        ("locking row for access select 1", "select 1"),
        ("begin transaction", "begin transaction"),
        ("select 1", "select 1"),
        ("end if", ""),
    ],
)
def test_heads_of_blocks_belong_to_the_statement_after_them(text: str, statement: str):
    words = from_text(text)
    start = 0
    for _, end in heads(words):
        start = end
    assert words.between(start, len(words)) == statement


@pytest.mark.parametrize(
    "text",
    [
        "create view v as with c (a) as (select a from t) select a from c",
        "create external table v with (location = '/x/') as with c as (select a from t) select * from c",
        "declare k cursor for with c as (select a from t) select a from c",
        "with c as (select a from t), d as (select a from c) insert into v select a from d",
    ],
)
def test_a_query_after_its_ctes_belongs_to_the_same_statement(text: str) -> None:
    (statement,) = analyze(text, dialect="tsql")
    assert [table.name for table in statement.inputs] == ["t"]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("insert into v with (tablock) select a from t", [["t"]]),
        ("insert into v with (tablock) (a) select a from t insert into w values (1)", [["t"], []]),
        ("insert into v (a) with c as (select a from t) select a from c select 1 from u", [["t"], ["u"]]),
    ],
)
def test_hints_and_ctes_of_an_insert_belong_to_it(text: str, reads: list[list[str]]) -> None:
    assert [[table.name for table in s.inputs] for s in analyze(text, dialect="tsql")] == reads
