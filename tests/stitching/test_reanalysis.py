"""Reanalysis of stored statements: never worse than the first analysis."""

from __future__ import annotations

import pytest

from prefect_lineage_events.stitching.model import Reanalysis
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story, uri
from tests.stitching.lineages import columns, edges

PARTIAL = {"confidence": "partial", "reason": "syntax that nobody knew then"}


def reanalyse_steps(story: Story, reports=lambda uri: True):
    return stitch(story.history(), reanalyse=reports)


def test_statement_that_was_partial_is_reanalysed():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT b.k FROM a JOIN b ON a.id = b.id", **PARTIAL)
    run = reanalyse_steps(story)
    assert edges(run.lineage) == {"a>x", "b>x"}
    assert "b.k>x.p" in columns(run.lineage)
    assert run.reanalysis == Reanalysis(again=1, changed=1)
    assert run.lineage.statements[0].confidence == "exact"


def test_first_analysis_stays_without_the_option():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT b.k FROM a JOIN b ON a.id = b.id", **PARTIAL)
    run = stitch(story.history())
    assert edges(run.lineage) == {"a>x"}
    assert run.reanalysis == Reanalysis()


def test_alias_taken_for_a_table_is_removed():
    story = Story().write("x", "a", "recent", sql="INSERT INTO x WITH recent AS (SELECT k FROM a) SELECT k FROM recent")
    assert edges(reanalyse_steps(story).lineage) == {"a>x"}


def test_tables_known_from_the_session_stay():
    story = Story().write("x", "a", sql="INSERT INTO x SELECT * FROM TABLE(RESULT_SCAN(?))", dialect="snowflake")
    assert edges(reanalyse_steps(story).lineage) == {"a>x"}


def test_a_temporary_table_stays_one():
    story = Story().create("#tmp", "a", columns="a.k>k", sql="CREATE TEMP TABLE tmp AS SELECT k FROM a")
    story.write("x", "#tmp", columns="tmp.k>k", sql="INSERT INTO x (k) SELECT k FROM tmp")
    run = reanalyse_steps(story)
    assert edges(run.lineage) == {"a>x"}
    assert columns(run.lineage) == {"a.k>x.k"}


def test_columns_of_the_first_analysis_replace_a_star():
    story = Story().write("x", "a", columns="a.k>k a.v>v", sql="INSERT INTO x SELECT * FROM a")
    run = reanalyse_steps(story)
    assert columns(run.lineage) == {"a.k>x.k", "a.v>x.v"}
    assert run.reanalysis.changed == 0


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("INSERT INTO x SELECT k FROM a JOIN b…", Reanalysis(cut=1)),
        (None, Reanalysis(textless=1)),
        ("INSERT INTO x SELEKT k FORM", Reanalysis(again=1)),
    ],
    ids=["cut", "not kept", "not understood today either"],
)
def test_cut_and_missing_texts_keep_their_analysis_and_are_counted(sql, counts):
    run = reanalyse_steps(Story().write("x", "a", columns="a.k>k", sql=sql))
    assert edges(run.lineage) == {"a>x"}
    assert columns(run.lineage) == {"a.k>x.k"}
    assert run.reanalysis == counts


def test_recorded_operations_are_not_reanalysed():
    story = Story().write("s3://reports/r.csv", "a", dialect="")
    assert reanalyse_steps(story).reanalysis == Reanalysis()


def test_filtered_dataset_stays_out():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT a.k FROM a JOIN secret ON true")
    run = reanalyse_steps(story, reports=lambda found: found != uri("secret"))
    assert edges(run.lineage) == {"a>x"}


def test_a_statement_with_two_outputs_keeps_both():
    sql = "INSERT ALL INTO x (k) VALUES (k) INTO y (k) VALUES (k) SELECT k FROM a"
    story = Story().write("x", "a", sql=sql, dialect="snowflake", **PARTIAL)
    assert edges(reanalyse_steps(story).lineage) == {"a>x", "a>Y"}


def test_new_table_of_ambiguous_location_keeps_the_first_analysis():
    story = Story().read(sql="SELECT k FROM nowhere", **PARTIAL)
    run = reanalyse_steps(story)
    assert not run.lineage.inputs
    assert run.reanalysis == Reanalysis(again=1)


def test_new_table_is_located_by_other_statements_of_its_connection():
    story = Story().read("shop.public.a", sql="SELECT k FROM a")
    story.read(sql="SELECT k FROM orders", **PARTIAL)
    names = {use.dataset.name for use in reanalyse_steps(story).lineage.inputs}
    assert names == {"shop.public.a", "shop.public.orders"}


def test_counts_add_up_and_are_described():
    counts = Reanalysis(again=3, changed=1) + Reanalysis(again=1, cut=2, textless=1)
    assert str(counts) == (
        "4 statements reanalysed, 1 of them with another result; "
        "not reanalysed: 2 with a cut text and 1 without a stored text"
    )
