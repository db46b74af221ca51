"""Azure's containers whose account a statement does not name."""

from __future__ import annotations

from tests.stitching.histories import Story
from tests.stitching.lineages import columns, lineage

_FULL = "abfss://raw@acct.dfs.core.windows.net/orders.parquet"
_BARE = "abfss://raw/orders.parquet"


def uris(story: Story) -> set[str]:
    found = lineage(story)
    return {use.dataset.uri for use in (*found.inputs, *found.outputs)}


def test_blob_without_an_account_is_the_one_that_the_run_wrote() -> None:
    story = Story().write(_FULL, "a", columns="a.id>id").write("b", _BARE, columns=f"{_BARE}.id>id")
    found = lineage(story)
    assert {(edge.source.uri, edge.target.uri) for edge in found.edges} >= {
        (_FULL, "postgres://db:5432/b"), ("postgres://db:5432/a", _FULL),
    }  # fmt: skip
    assert columns(found) == {"a.id>orders.parquet.id", "orders.parquet.id>b.id"}
    assert _BARE not in uris(story)


def test_container_of_this_name_in_two_accounts_decides_nothing() -> None:
    story = Story().write(_FULL, "a").write(_FULL.replace("acct", "other"), "a").write("b", _BARE)
    assert _BARE in uris(story)


def test_another_blob_of_the_container_decides_nothing() -> None:
    assert _BARE in uris(Story().write(_FULL.replace("orders", "customers"), "a").write("b", _BARE))


def test_container_that_is_never_named_with_an_account_stays() -> None:
    assert _BARE in uris(Story().write("b", _BARE))
