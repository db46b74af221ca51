"""Stored statements read by today's analyser: better where it is, and never worse than the first reading."""

from __future__ import annotations

import pytest

from prefect_lineage_events.stitching.model import Reanalysis
from prefect_lineage_events.stitching.stitch import stitch
from tests.stitching.histories import Story, uri
from tests.stitching.pictures import columns, edges

PARTIAL = {"confidence": "partial", "reason": "syntax that nobody knew then"}


def reanalyse_steps(story: Story, reports=lambda uri: True):
    return stitch(story.history(), reanalyse=reports)


def test_what_was_not_understood_then_is_understood_now():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT b.k FROM a JOIN b ON a.id = b.id", **PARTIAL)
    run = reanalyse_steps(story)
    assert edges(run.lineage) == {"a>x", "b>x"}
    assert "b.k>x.p" in columns(run.lineage)
    assert run.reanalysis == Reanalysis(again=1, changed=1)
    assert run.lineage.statements[0].confidence == "exact"


def test_without_being_asked_the_reading_of_its_day_stands():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT b.k FROM a JOIN b ON a.id = b.id", **PARTIAL)
    run = stitch(story.history())
    assert edges(run.lineage) == {"a>x"}
    assert run.reanalysis == Reanalysis()


def test_an_alias_that_was_taken_for_a_table_goes():
    story = Story().write("x", "a", "recent", sql="INSERT INTO x WITH recent AS (SELECT k FROM a) SELECT k FROM recent")
    assert edges(reanalyse_steps(story).lineage) == {"a>x"}


def test_what_only_the_session_knew_stays():
    story = Story().write("x", "a", sql="INSERT INTO x SELECT * FROM TABLE(RESULT_SCAN(?))", dialect="snowflake")
    assert edges(reanalyse_steps(story).lineage) == {"a>x"}


def test_a_temporary_table_stays_one():
    story = Story().create("#tmp", "a", columns="a.k>k", sql="CREATE TEMP TABLE tmp AS SELECT k FROM a")
    story.write("x", "#tmp", columns="tmp.k>k", sql="INSERT INTO x (k) SELECT k FROM tmp")
    run = reanalyse_steps(story)
    assert edges(run.lineage) == {"a>x"}
    assert columns(run.lineage) == {"a.k>x.k"}


def test_columns_that_the_session_knew_count_before_a_star():
    story = Story().write("x", "a", columns="a.k>k a.v>v", sql="INSERT INTO x SELECT * FROM a")
    run = reanalyse_steps(story)
    assert columns(run.lineage) == {"a.k>x.k", "a.v>x.v"}
    assert run.reanalysis.changed == 0


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("INSERT INTO x SELECT k FROM a JOIN b…", Reanalysis(cut=1)),
        (None, Reanalysis(textless=1)),
        ("INSERT INTO x SELEKT k FORM", Reanalysis(again=1)),
    ],
    ids=["cut", "not kept", "not understood today either"],
)
def test_what_cannot_be_read_again_stays_and_is_counted(sql, told):
    run = reanalyse_steps(Story().write("x", "a", columns="a.k>k", sql=sql))
    assert edges(run.lineage) == {"a>x"}
    assert columns(run.lineage) == {"a.k>x.k"}
    assert run.reanalysis == told


def test_what_was_recorded_by_hand_is_no_statement():
    story = Story().write("s3://reports/r.csv", "a", dialect="")
    assert reanalyse_steps(story).reanalysis == Reanalysis()


def test_a_rule_that_kept_a_dataset_out_keeps_it_out():
    story = Story().write("x", "a", sql="INSERT INTO x (p) SELECT a.k FROM a JOIN secret ON true")
    run = reanalyse_steps(story, reports=lambda found: found != uri("secret"))
    assert edges(run.lineage) == {"a>x"}


def test_a_statement_with_two_outputs_keeps_both():
    sql = "INSERT ALL INTO x (k) VALUES (k) INTO y (k) VALUES (k) SELECT k FROM a"
    story = Story().write("x", "a", sql=sql, dialect="snowflake", **PARTIAL)
    assert edges(reanalyse_steps(story).lineage) == {"a>x", "a>Y"}


def test_where_a_new_table_is_cannot_always_be_known():
    story = Story().read(sql="SELECT k FROM nowhere", **PARTIAL)
    run = reanalyse_steps(story)
    assert not run.lineage.inputs
    assert run.reanalysis == Reanalysis(again=1)


def test_another_statement_of_the_connection_tells_where_a_new_table_is():
    story = Story().read("shop.public.a", sql="SELECT k FROM a")
    story.read(sql="SELECT k FROM orders", **PARTIAL)
    names = {use.dataset.name for use in reanalyse_steps(story).lineage.inputs}
    assert names == {"shop.public.a", "shop.public.orders"}


def test_counts_add_up_and_are_told_in_words():
    told = Reanalysis(again=3, changed=1) + Reanalysis(again=1, cut=2, textless=1)
    assert str(told) == (
        "4 statements reanalysed, 1 of them with another result; "
        "not reanalysed: 2 with a cut text and 1 without a stored text"
    )
