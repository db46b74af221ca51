"""One spelling for each table of a store that compares names without case."""

from __future__ import annotations

import pytest

from prefect_lineage_events.stitching.spelling import in_one_spelling
from tests.stitching.histories import Story
from tests.stitching.lineages import inputs, lineage, outputs

_SERVER = "mssql://db:1433/shop/dbo"


def test_tables_spelled_differently_are_one() -> None:
    story = Story().write(f"{_SERVER}/Staging", f"{_SERVER}/Orders").write(f"{_SERVER}/Mart", f"{_SERVER}/STAGING")
    found = lineage(story)
    assert outputs(found) == {"shop.dbo.Staging", "shop.dbo.Mart"}
    assert inputs(found) == {"shop.dbo.Orders", "shop.dbo.Staging"}


def test_table_has_the_spelling_of_its_create_statement() -> None:
    story = Story().write(f"{_SERVER}/mart").create(f"{_SERVER}/Mart")
    assert outputs(lineage(story)) == {"shop.dbo.Mart"}


@pytest.mark.parametrize("server", ["postgres://db:5432/shop/public", "mysql://db:3306/shop"])
def test_spellings_are_different_tables_in_other_stores(server: str) -> None:
    story = Story().task("T").read(f"{server}/Orders", task="T").read(f"{server}/orders", task="T")
    history = story.history()
    assert in_one_spelling(history) is history
