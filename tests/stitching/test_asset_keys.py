"""Asset keys without a server."""

from __future__ import annotations

from tests.stitching.histories import Story
from tests.stitching.lineages import inputs, lineage, outputs

SNOWFLAKE = "snowflake://org-account/DB/S"


def namespaces(story: Story) -> set[str]:
    return {use.dataset.namespace for use in lineage(story).outputs}


def test_a_key_is_the_table_that_the_run_touched():
    story = Story().task("T").read(f"{SNOWFLAKE}/T").asset("snowflake://db/s/t", task="T")
    assert (outputs(lineage(story)), namespaces(story)) == ({"DB.S.T"}, {"snowflake://org-account"})


def test_a_key_is_on_the_only_server_of_its_kind():
    story = Story().task("T").read(f"{SNOWFLAKE}/X").asset("snowflake://DB/S/T", "snowflake://DB/S/U", task="T")
    assert (outputs(lineage(story)), namespaces(story)) == ({"DB.S.T"}, {"snowflake://org-account"})
    assert inputs(lineage(story)) == {"DB.S.X", "DB.S.U"}


def test_key_stays_with_two_servers_of_its_kind():
    story = Story().task("T").read(f"{SNOWFLAKE}/X").read("snowflake://org-other/DB/S/X")
    assert namespaces(story.asset("snowflake://DB/S/T", task="T")) == {"snowflake://DB"}


def test_key_that_names_its_server_stays():
    story = Story().task("T").read("postgres://db:5432/shop/s/x").asset("postgres://other:5432/shop/s/t", task="T")
    assert namespaces(story) == {"postgres://other:5432"}


def test_a_duckdb_table_is_known_by_its_file():
    story = Story().task("T").write("duckdb:///data/shop.duckdb/main/t")
    assert namespaces(story.asset("duckdb://shop/main/t", task="T")) == {"duckdb:///data/shop.duckdb"}


def test_databricks_tables_are_in_the_unity_catalog():
    story = Story().task("T").read("unitycatalog://host/c/s/x").asset("databricks://c/s/t", task="T")
    assert (outputs(lineage(story)), namespaces(story)) == ({"c.s.t"}, {"unitycatalog://host"})


def test_a_materialised_table_and_its_statements_are_one_dataset():
    story = Story().task("T").write("shop.s.t", "shop.s.x", task="T")
    found = lineage(story.asset("postgres://db:5432/shop/s/t", task="T", description="The T."))
    assert [(use.dataset.name, use.kind, use.description) for use in found.outputs] == [("shop.s.t", "table", "The T.")]
