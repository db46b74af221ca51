"""Renames and moves: the new name by each dialect's own rule, on a connection with a default schema."""

from __future__ import annotations

import pytest

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.session import Session


@pytest.mark.parametrize(
    ("dialect", "text", "pairs"),
    [
        ("postgres", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("postgres", "alter materialized view mart.v rename to w", "db.mart.v > db.mart.w"),
        ("postgres", "alter table if exists only stg.t set schema mart", "db.stg.t > db.mart.t"),
        ("postgres", "alter table t set schema mart", "db.sc.t > db.mart.t"),
        ("postgres", "alter view stg.v set schema mart", "db.stg.v > db.mart.v"),
        ("redshift", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("duckdb", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("trino", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("databricks", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("databricks", "alter table mart.x_new rename to other.x", "db.mart.x_new > db.other.x"),
        ("bigquery", "alter table mart.x_new rename to x", "db.mart.x_new > db.mart.x"),
        ("oracle", "alter table mart.x_new rename to x", "DB.MART.X_NEW > DB.MART.X"),
        ("db2", "rename table mart.x_new to x", "DB.MART.X_NEW > DB.MART.X"),
        ("vertica", "alter table mart.a, mart.b rename to c, d", "db.mart.a > db.mart.c, db.mart.b > db.mart.d"),
        ("snowflake", "alter table mart.x_new rename to x", "DB.MART.X_NEW > DB.SC.X"),
        ("snowflake", "alter table mart.x swap with mart.y", "DB.MART.X > DB.MART.Y, DB.MART.Y > DB.MART.X"),
        ("mysql", "alter table mart.x_new rename to x", "mart.x_new > sc.x"),
        ("mysql", "alter table a add z int, rename to b", "sc.a > sc.b"),
        ("mysql", "rename table a to b, mart.c to d", "sc.a > sc.b, mart.c > sc.d"),
        ("clickhouse", "rename table mart.a to b, c to d", "mart.a > sc.b, sc.c > sc.d"),
        ("hive", "alter table mart.a rename to b", "mart.a > sc.b"),
        ("starrocks", "alter table mart.a swap with b", "mart.a > mart.b, mart.b > mart.a"),
        ("doris", "alter table mart.a replace with table b", "mart.a > mart.b, mart.b > mart.a"),
        ("tsql", "exec sp_rename 'mart.[x new]', 'x'", "db.mart.x new > db.mart.x"),
        ("tsql", "sp_rename N'a', N'b', 'OBJECT'", "db.sc.a > db.sc.b"),
        ("tsql", "exec sp_rename @newname = 'b', @objname = 'mart.a'", "db.mart.a > db.mart.b"),
        ("tsql", "exec other..sp_rename 'mart.a', 'b'", "other.mart.a > other.mart.b"),
        ("tsql", "exec sp_rename 'mart.a.c', 'd', 'COLUMN'", ""),
        ("tsql", "exec sp_rename 'a.by_id', 'by_key', 'INDEX'", ""),
        ("tsql", "alter schema mart transfer object::stg.t", "db.stg.t > db.mart.t"),
        ("tsql", "alter schema mart transfer type::stg.t", ""),
        ("postgres", "alter table mart.x rename column a to b", ""),
        ("postgres", "alter table mart.x rename a to b", ""),
    ],
)
def test_the_new_name_is_in_the_schema_in_which_the_store_puts_it(dialect: str, text: str, pairs: str) -> None:
    (statement,), _ = Session(dialect, None if dialect_of(dialect).levels < 3 else "db", "sc").analyze(text)
    found = ", ".join(f"{old.name} > {new.name}" for old, new in statement.renames)
    assert found.lower() == pairs.lower()
    assert statement.confidence == "exact"


def test_a_rename_to_an_unknown_name_is_partial() -> None:
    (statement,), _ = Session("tsql", "db", "dbo").analyze("exec sp_rename @old, 'b'")
    assert (statement.kind, statement.confidence) == ("misc", "partial")
