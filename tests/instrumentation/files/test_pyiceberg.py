"""Iceberg tables: each is named by its location, and a write is noted when it is committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from prefect_lineage_events import patches
from prefect_lineage_events.emission import losses
from prefect_lineage_events.emission.notes import RecordNote
from prefect_lineage_events.emission.records import with_columns
from tests.emission.conftest import make_run
from tests.instrumentation.files.touched import Touched, recorded, touched  # noqa: F401

ROWS = pa.table({"id": [1, 2], "name": ["Ada", "Emmy"]})


@pytest.fixture(autouse=True)
def losses_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are counted as in a run, so that an error of our own fails the test."""
    run = make_run(task="load")
    monkeypatch.setattr(losses, "current_run", lambda *_: run)
    patches.switch_on()  # as the start of a flow does: threads of pools know which call they work for


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    from pyiceberg.catalog.sql import SqlCatalog

    made = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    made.create_namespace("shop")
    return made


@pytest.fixture
def table(touched: Touched, catalog: Any) -> Any:  # noqa: F811
    made = catalog.create_table("shop.orders", schema=ROWS.schema)
    made.append(ROWS)
    touched.take()
    return made


def _note(touched: Touched) -> RecordNote:  # noqa: F811
    notes, touched.notes = touched.notes, []
    assert touched.losses == []
    (note,) = map(with_columns, notes)
    return note


def _uri(table: Any) -> str:
    return str(table.location()).rstrip("/")


_READS: dict[str, tuple[Callable[[Any], Any], list[str], int | None]] = {
    "to_arrow": (lambda t: t.scan().to_arrow(), ["id", "name"], 2),
    "to_pandas": (lambda t: t.scan(selected_fields=("id",)).to_pandas(), ["id"], None),
    "to_polars": (lambda t: t.scan(row_filter="id > 1").to_polars(), ["id", "name"], None),
    "to_arrow_batch_reader": (lambda t: t.scan().to_arrow_batch_reader().read_all(), ["id", "name"], None),
    "Table.to_polars": (lambda t: t.to_polars().collect(), ["id", "name"], 2),
    "scan_iceberg": (lambda t: pl.scan_iceberg(t).select("id").collect(), ["id"], 2),
}
_WRITES: dict[str, tuple[Callable[[Any], Any], int | None, bool]] = {
    "append": (lambda t: t.append(ROWS), 2, True),
    "overwrite": (lambda t: t.overwrite(ROWS), 2, False),
    "delete": (lambda t: t.delete("id = 1"), None, False),
    "upsert": (lambda t: t.upsert(pa.table({"id": [1], "name": ["x"]}), join_cols=["id"]), 1, False),
    "write_iceberg": (lambda t: pl.DataFrame(ROWS).write_iceberg(t, mode="append"), 2, True),
    "sink_iceberg": (lambda t: pl.DataFrame(ROWS).lazy().sink_iceberg(t, mode="append"), None, True),
}


@pytest.mark.parametrize("name", _READS)
def test_table_is_read(touched: Touched, table: Any, name: str) -> None:  # noqa: F811
    read, columns, rows = _READS[name]
    read(table)
    note = _note(touched)
    assert (note.operation, [dataset.uri for dataset in note.inputs]) == ("read", [_uri(table)])
    assert [column.name for column in note.columns] == columns
    assert rows is None or note.rows == rows


@pytest.mark.parametrize("name", _WRITES)
def test_table_is_written(touched: Touched, table: Any, name: str) -> None:  # noqa: F811
    write, rows, appends = _WRITES[name]
    write(table)
    note = _note(touched)
    assert note.output is not None
    assert (note.operation, note.output.uri, note.rows, note.appends) == ("write", _uri(table), rows, appends)


def test_transaction_counts_when_it_is_committed(touched: Touched, table: Any) -> None:  # noqa: F811
    with table.transaction() as transaction:
        transaction.append(ROWS)
        transaction.append(ROWS)
        assert touched.take() == []
    note = _note(touched)
    assert (note.rows, note.appends) == (4, True)

    abandoned = table.transaction()
    abandoned.append(ROWS)
    del abandoned
    with pytest.raises(ZeroDivisionError), table.transaction() as failed:
        failed.append(ROWS)
        raise ZeroDivisionError
    assert touched.take() == []


def test_failed_commit_notes_nothing(
    touched: Touched,  # noqa: F811
    table: Any,
    catalog: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> Any:
        raise OSError("no connection")

    monkeypatch.setattr(type(catalog), "commit_table", fail)
    with pytest.raises(OSError, match="no connection"):
        table.append(ROWS)
    assert touched.take() == []


def test_changes_of_no_rows_are_no_write(touched: Touched, table: Any, catalog: Any) -> None:  # noqa: F811
    with table.update_schema() as update:
        update.add_column("more", table.schema().find_type("name"))
    catalog.load_table("shop.orders").inspect.snapshots()
    catalog.create_table("shop.empty", schema=ROWS.schema)
    assert touched.take() == []


def test_staged_table_is_written_when_it_is_made(touched: Touched, catalog: Any) -> None:  # noqa: F811
    with catalog.create_table_transaction("shop.made", schema=ROWS.schema) as transaction:
        transaction.append(ROWS)
        assert touched.take() == []
    note = _note(touched)
    assert note.output is not None
    assert note.output.uri == _uri(catalog.load_table("shop.made"))


def test_names_in_catalogs_are_further_names(table: Any) -> None:
    from prefect_lineage_events.instrumentation.files.lakes import iceberg_at

    class Catalog:
        properties = {"uri": "https://user:secret@catalog.example/api?token=secret", "token": "secret"}

    found = iceberg_at(table.metadata, Catalog, ("shop", "orders"))
    assert found is not None
    assert [(other.namespace, other.name) for other in found.symlinks] == [
        ("https://catalog.example/api", "shop.orders")
    ]


@pytest.mark.parametrize(("account", "named"), [("123456789012", True), ("", False), ("other-catalog", False)])
def test_name_in_glue_needs_the_account(table: Any, account: str, named: bool) -> None:
    from pyiceberg.catalog.glue import GlueCatalog

    from prefect_lineage_events.instrumentation.files.lakes import iceberg_at

    keys = {"glue.access-key-id": "x", "glue.secret-access-key": "secret", "glue.region": "eu-west-1"}
    catalog = GlueCatalog("glue", **keys, **({"glue.id": account} if account else {}))
    found = iceberg_at(table.metadata, catalog, ("shop", "orders"))
    assert found is not None
    assert [(other.namespace, other.name) for other in found.symlinks] == (
        [("arn:aws:glue:eu-west-1:123456789012", "table/shop/orders")] if named else []
    )
