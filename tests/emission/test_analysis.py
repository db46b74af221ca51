"""Analysis of notes with the real analyser: table references become datasets, statements become events."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from prefect_lineage_events import stores
from prefect_lineage_events.emission.analysis import analyse
from prefect_lineage_events.emission.connection_state import ConnectionState
from prefect_lineage_events.emission.notes import Connection, StatementNote
from prefect_lineage_events.events import Column, UnnumberedEvent
from prefect_lineage_events.settings import LineageSettings
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.stores import Store
from tests.emission.conftest import STARTED, make_run

POSTGRES = stores.server("postgres", "db.example.org", None, "shop", "public")
SNOWFLAKE = stores.snowflake("org-acct", "SHOP", "PUBLIC")
RUN = make_run()


class Reader:
    """A connection whose statements are analysed as in our thread."""

    def __init__(self, store: Store, **values: Any) -> None:
        self.connection = Connection(store)
        self.state = ConnectionState.of(self.connection)
        self.values = LineageSettings(**values)

    def __call__(self, sql: str, **more: Any) -> list[UnnumberedEvent]:
        note = StatementNote(self.connection, sql, RUN, STARTED, 0.1, True, **more)
        return [p.event for meaning in analyse(note, self.state, self.values) for p in meaning.pending_events]


def shape(events: list[UnnumberedEvent]) -> list[tuple[str, str | None, list[str]]]:
    return [(e.operation, e.output and e.output.name, [i.name for i in e.inputs]) for e in events]


def test_names_are_completed_and_folded_as_the_store_does() -> None:
    read = Reader(SNOWFLAKE)
    assert shape(read('insert into mart.sales select * from "orders" join customers using (id)')) == [
        ("write", "SHOP.MART.SALES", ["SHOP.PUBLIC.orders", "SHOP.PUBLIC.CUSTOMERS"])
    ]


def test_sql_servers_names_keep_their_spelling_and_match_without_case() -> None:
    read = Reader(stores.server("tsql", "db", None, "Shop", "dbo"))
    assert shape(read("create table Sch.MixedCase (Id int)")) == [("create", "Shop.Sch.MixedCase", [])]
    assert shape(read("insert into SCH.mixedcase select Id from [Order Lines]")) == [
        ("write", "Shop.Sch.MixedCase", ["Shop.dbo.Order Lines"])
    ]
    assert shape(read("select * into #Tmp from dbo.[order lines]; insert into dbo.Copy select * from #TMP"))[1:] == [
        ("write", "Shop.dbo.Copy", ["shop.dbo.#tmp"])
    ]


def test_use_changes_the_current_schema() -> None:
    read = Reader(SNOWFLAKE)
    read("use schema other.stage")
    assert shape(read("select * from t")) == [("read", None, ["OTHER.STAGE.T"])]


def test_a_temporary_table_belongs_to_its_connection() -> None:
    (first,), (second,) = (Reader(POSTGRES)("create temp table tmp as select id from orders") for _ in range(2))
    assert first.output and second.output
    assert first.output.temporary
    assert first.output.namespace.startswith("temporary://")
    assert first.output.uri != second.output.uri


def test_a_temporary_table_is_the_same_when_it_is_read() -> None:
    read = Reader(POSTGRES)
    (made,) = read("create temp table tmp as select id from orders")
    (used,) = read("insert into kept select id from tmp")
    assert used.inputs[0].uri == (made.output and made.output.uri)
    assert used.inputs[0].temporary


@pytest.mark.parametrize(
    ("store", "sql"),
    [
        (POSTGRES, "select * from information_schema.tables"),
        (POSTGRES, "select relname from pg_catalog.pg_class"),
        (POSTGRES, "select relname from pg_class"),
        (stores.sqlite("/x.db"), "select name from sqlite_master where type = 'table'"),
        (stores.duckdb("/x.db"), "select * from duckdb_tables()"),
        (SNOWFLAKE, "select * from shop.information_schema.columns"),
        (SNOWFLAKE, "select * from snowflake.account_usage.query_history"),
    ],
)
def test_reading_a_catalog_emits_nothing(store: Store, sql: str) -> None:
    assert Reader(store)(sql) == []


def test_files_of_an_embedded_database_are_named_by_their_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (event,) = Reader(stores.duckdb("/x.db"))("create table t as select * from read_parquet('in/*.parquet')")
    assert [(d.uri, d.subset) for d in event.inputs] == [(f"file://{tmp_path}/in", ("*.parquet",))]
    assert event.inputs[0].kind == "file"


def test_files_that_a_remote_server_reads_are_on_the_server() -> None:
    (event,) = Reader(POSTGRES)("copy orders from '/srv/drop/orders.csv'")
    assert [d.uri for d in event.inputs] == ["file://db.example.org/srv/drop/orders.csv"]


def test_a_url_names_the_same_dataset_on_every_server() -> None:
    (event,) = Reader(POSTGRES)("copy orders from 's3://bucket/orders.csv'") or [None]
    assert event is not None
    assert [d.uri for d in event.inputs] == ["s3://bucket/orders.csv"]


def test_an_attached_file_of_sqlite_has_one_identity(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    sqlite3.connect(path).execute("create table t (a)").connection.close()
    for attach in (f"attach '{path}' as o (type sqlite)", f"attach '{path}' as o", f"attach 'sqlite:{path}' as o"):
        read = Reader(stores.duckdb("/data/x.duckdb"))
        read(attach)
        (event,) = read("select * from o.t")
        assert [d.uri for d in event.inputs] == [stores.sqlite(str(path)).table(["t"]).uri]


def test_tables_of_an_attached_server_are_those_of_the_server() -> None:
    read = Reader(stores.duckdb("/data/x.duckdb"))
    read("attach 'host=127.0.0.1 port=5433 dbname=shop password=hunter2zz' as pg (type postgres)")
    (event,) = read("insert into pg.mart.revenue select a from pg.public.orders")
    server = stores.server("postgres", "localhost", 5433, "shop")
    assert event.output is not None and event.output.uri == server.table(["mart", "revenue"]).uri
    assert [d.uri for d in event.inputs] == [server.table(["public", "orders"]).uri]


def test_an_attached_database_at_an_unknown_address_makes_the_statement_partial() -> None:
    read = Reader(stores.duckdb("/data/x.duckdb"))
    read("attach '' as pg (type postgres, secret x)")
    (event,) = read("insert into pg.mart.revenue select a from t")
    assert event.statement.confidence == "partial"
    assert event.output is None


def test_tables_of_an_attached_database_are_named_by_its_file() -> None:
    read = Reader(stores.sqlite("/data/main.db"))
    read("attach '/data/other.db' as o")
    assert [d.uri for event in read("select * from o.t") for d in event.inputs] == ["sqlite:///data/other.db/t"]


def test_column_edges_name_their_source_by_uri() -> None:
    (event,) = Reader(POSTGRES)("insert into totals (total) select sum(amount) from orders")
    edges = [(e.column, e.source, e.source_column, e.transformation) for e in event.columns]
    assert edges == [("total", "postgres://db.example.org:5432/shop/public/orders", "amount", "AGGREGATION")]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("delete from queue where id < 3 returning id, what", ["id", "what"]),
        ("with d as (update queue set id = 1 returning id) select id from d", ["id"]),
        ("insert into queue (what) values ('x') returning id", []),
        ("delete from queue where id < 3", []),
    ],
)
def test_a_write_reports_the_columns_that_it_returns(sql: str, columns: list[str]) -> None:
    (event,) = Reader(POSTGRES)(sql)
    assert [column.name for column in event.result_columns] == columns


def test_columns_of_conditions_are_edges_to_all_columns() -> None:
    (event,) = Reader(POSTGRES)("CREATE TABLE mart AS SELECT o.id FROM orders o WHERE o.status = 'paid'")
    assert {(e.source_column, e.column, e.transformation) for e in event.columns} == {
        ("id", "id", "IDENTITY"),
        ("status", "*", "FILTER"),
    }


def test_declared_columns_are_reported_with_their_types() -> None:
    (event,) = Reader(POSTGRES)("create table t (id integer, name text)")
    assert event.output is not None
    assert [c.name for c in event.output.columns] == ["id", "name"]
    assert all(c.type for c in event.output.columns)


def test_result_columns_of_the_driver_take_precedence_over_those_of_the_text() -> None:
    (event,) = Reader(POSTGRES)("select id from orders", result_columns=(Column(name="id", type="int4"),))
    assert event.result_columns == (Column(name="id", type="int4"),)


def test_excluded_datasets_do_not_appear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_INTEGRATIONS_LINEAGE_EVENTS_EXCLUDE_DATASETS", '["*/secret"]')
    read = Reader(POSTGRES)
    assert shape(read("insert into a select * from secret join b using (id)")) == [
        ("write", "shop.public.a", ["shop.public.b"])
    ]
    assert read("select * from secret") == []


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("sanitised", "insert into t values (?)"),
        ("full", "insert into t values ('hunter2') -- why"),
        ("none", None),
    ],
)
def test_setting_sql_text_decides_what_is_shown_of_a_text(setting: str, shown: str | None) -> None:
    (event,) = Reader(POSTGRES, sql_text=setting)("insert into t values ('hunter2') -- why")
    assert (event.statement.sql and event.statement.sql.lower()) == (shown and shown.lower())


def test_a_long_text_is_cut() -> None:
    (event,) = Reader(POSTGRES, sql_text_limit=20)("select a, b, c, d, e, f from a_table_with_a_long_name")
    assert event.statement.sql is not None
    assert len(event.statement.sql) == 20
    assert event.statement.sql.endswith("…")


def test_ddl_commits_where_the_store_does_so() -> None:
    connection = Connection(stores.server("mysql", "h", None, "d"))
    state = ConnectionState.of(connection)
    texts = ["create table t (i int)", "truncate table t", "grant select on t to u", "insert into t values (1)"]
    notes = [StatementNote(connection, sql, RUN, STARTED, 0.1, False) for sql in texts]
    assert [m.statement.commits for note in notes for m in analyse(note, state, LineageSettings())] == [
        True,
        True,
        True,
        False,
    ]


def test_a_temporary_name_differs_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect_lineage_events.context.process import _Process

    state = ConnectionState.of(Connection(POSTGRES))
    here = state.dataset(TableRef(("tmp",), temporary=True))
    monkeypatch.setattr(_Process, "token", _Process.token)
    _Process.renew()
    assert here != state.dataset(TableRef(("tmp",), temporary=True))


@pytest.mark.parametrize(
    ("call", "uri"),
    [
        ("postgres_scan('host=127.0.0.1 dbname=shop password=pw', 'public', 'ord')", "postgres://localhost:5432/shop/public/ord"),
        ("sqlite_scan('/data/x.db?key=pw', 'ord')", "sqlite:///data/x.db/ord"),
    ],
)  # fmt: skip
def test_a_table_that_is_named_in_an_argument_is_of_its_own_store(call: str, uri: str) -> None:
    (event,) = Reader(stores.duckdb("/data/mart.duckdb"))(f"create table n as select * from {call}")
    assert [i.uri for i in event.inputs] == [uri]
    assert "pw" not in repr(event)


def test_an_edge_by_position_has_its_position() -> None:
    (event,) = Reader(POSTGRES)("insert into n select a, b from t")
    assert [(edge.source_column, edge.position) for edge in event.columns] == [("a", 1), ("b", 2)]


def test_an_event_has_the_columns_that_took_values_of_the_program() -> None:
    (event,) = Reader(POSTGRES)("insert into marks (id, status) values (%s, 'seen')")
    assert (event.bound_columns, event.constant_columns) == (("id",), ("status",))


def test_inlined_values_of_binds_are_no_constants() -> None:
    (event,) = Reader(POSTGRES)("insert into marks (id, status) values (1, 'a'), (2, 'b')", inlined=True)
    assert (event.bound_columns, event.constant_columns) == (("id", "status"), ())


@pytest.mark.parametrize(
    ("text", "inlined", "bound"),
    [
        ("update marks set seen = seen + 1", False, ()),
        ("update marks set seen = seen + 1 where id = %s", False, ("*",)),
        ("update marks set seen = seen + %s", False, ("seen",)),
        ("update marks set (seen, missed) = (missed, seen)", False, ()),
        ("update marks set seen = seen + 1", True, None),
    ],
)
def test_an_update_of_columns_from_themselves_binds_no_column(
    text: str, inlined: bool, bound: tuple[str, ...] | None
) -> None:
    (event,) = Reader(POSTGRES)(text, inlined=inlined)
    assert (event.bound_columns, event.constant_columns) == (bound, ())


def test_rows_of_the_program_leave_the_bound_columns_unknown() -> None:
    (event,) = Reader(stores.duckdb("/data/mart.duckdb"))("create table n as select *, 1 as one from pandas_scan(0)")
    assert (event.bound_columns, event.constant_columns) == (None, ("one",))


def test_an_unknown_statement_leaves_the_bound_columns_unknown() -> None:
    (event,) = Reader(POSTGRES)("copy marks from stdin")
    assert event.bound_columns is None


@pytest.mark.parametrize("store", [SNOWFLAKE, POSTGRES])
def test_a_call_is_reported_as_partial(store: stores.Store) -> None:
    (called,) = Reader(store)("CALL mart.load(1)", query_id="q1")
    assert (called.operation, called.datasets, called.statement.query_id) == ("misc", (), "q1")
    assert (called.statement.confidence, called.statement.reason) == (
        "partial",
        "the statements of a procedure are not in the text of its call",
    )
    assert called.statement.calls_procedure


def test_a_call_of_a_function_of_duckdb_is_not_reported() -> None:
    assert Reader(stores.duckdb("/data/mart.duckdb"))("CALL start_ui()") == []


@pytest.mark.parametrize(
    "text",
    [
        "/* nightly */ CALL mart.load(1)",
        "-- nightly\ncall mart.load(1)",
        "BEGIN CALL mart.load(1); END",
        "EXECUTE IMMEDIATE 'CALL mart.load(1)'",
    ],
)
@pytest.mark.parametrize("sql_text", ["sanitised", "none"])
def test_call_is_known_from_the_analysis_however_its_text_is_shown(text: str, sql_text: str) -> None:
    (called,) = Reader(SNOWFLAKE, sql_text=sql_text)(text, query_id="q1")
    assert called.statement.calls_procedure
    assert called.statement.confidence == "partial"
