"""Saved documents of the plain connectors: found by the lineage blocks, and converted to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client
from prefect_sqlalchemy import AsyncSqlAlchemyConnector, SqlAlchemyConnector

from prefect_lineage_events import AsyncSqlAlchemyLineage, SqlAlchemyLineage
from prefect_lineage_events.blocks.documents import convert, missing_extra
from prefect_lineage_events.cli import main
from tests.conftest import PrefectServer

pytestmark = pytest.mark.server
_PLAIN = "sqlite:///plain.db"


@pytest.fixture
def saved(prefect_server: PrefectServer) -> Iterator[str]:
    """A plain connector's document."""
    name = "documents-warehouse"
    SqlAlchemyConnector(connection_info=_PLAIN).save(name, overwrite=True)
    yield name
    with get_client(sync_client=True) as client:
        for document in client.read_block_documents():
            if document.name == name:
                client.delete_block_document(document.id)


def test_plain_document_is_found_by_the_lineage_block(saved: str) -> None:
    assert SqlAlchemyLineage.load(saved).connection_info == _PLAIN


def test_own_document_goes_before_the_plain_one(saved: str) -> None:
    SqlAlchemyLineage(connection_info="sqlite:///own.db").save(saved, overwrite=True)
    assert SqlAlchemyLineage.load(saved).connection_info == "sqlite:///own.db"


async def test_plain_document_of_the_async_block_is_found(prefect_server: PrefectServer) -> None:
    await AsyncSqlAlchemyConnector(connection_info="sqlite+aiosqlite:///plain.db").save(
        "documents-async", overwrite=True
    )
    loaded = await AsyncSqlAlchemyLineage.aload("documents-async")
    assert loaded.connection_info == "sqlite+aiosqlite:///plain.db"


def test_missing_document_is_named_with_both_types(prefect_server: PrefectServer) -> None:
    with pytest.raises(ValueError, match=r"named nothing for block type sqlalchemy-lineage, nor for sqlalchemy-conn"):
        SqlAlchemyLineage.load("nothing")


def test_converted_document_has_the_plain_ones_values(saved: str) -> None:
    assert convert(f"sqlalchemy-connector/{saved}") == f"sqlalchemy-lineage/{saved}"
    assert SqlAlchemyLineage.load(saved).connection_info == _PLAIN
    assert SqlAlchemyConnector.load(saved).connection_info == _PLAIN


def test_document_that_exists_is_replaced_only_when_asked(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    SqlAlchemyLineage(connection_info="sqlite:///own.db").save(saved, overwrite=True)
    assert main(["convert", f"sqlalchemy-connector/{saved}"]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert main(["convert", f"sqlalchemy-connector/{saved}", "--overwrite"]) == 0
    assert SqlAlchemyLineage.load(saved).connection_info == _PLAIN


@pytest.mark.parametrize("reference", ["warehouse", "secret/warehouse", "sqlalchemy-connector/"])
def test_document_of_another_type_is_refused(reference: str, prefect_server: PrefectServer) -> None:
    with pytest.raises(ValueError, match=r"is no document of|there is no document"):
        convert(reference)


def test_missing_connector_names_the_command_that_installs_it() -> None:
    error = missing_extra("sqlalchemy", ModuleNotFoundError("No module", name="prefect_sqlalchemy"))
    assert 'pip install ".[sqlalchemy]" in a checkout' in str(error)
    assert error.name == "prefect_sqlalchemy"
