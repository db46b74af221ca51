"""Facets of jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prefect_lineage_events.history.source_code import SourceCode
from prefect_lineage_events.openlineage.job_facets import MAX_SQL, job_facets
from tests.openlineage.conftest import deployed, elt
from tests.stitching.histories import Story
from tests.stitching.lineages import run


def facets(story, kind="FLOW", **of_run):
    found = run(story)
    return job_facets(replace(deployed(found.run), **of_run), found.lineage, kind)


@pytest.mark.parametrize("kind", ["FLOW", "TASK"])
def test_a_job_is_a_batch_of_prefect(kind):
    reported = facets(elt(), kind)["jobType"]
    assert (reported["processingType"], reported["integration"], reported["jobType"]) == ("BATCH", "PREFECT", kind)


def test_the_deployments_description_documents_the_flow():
    assert facets(elt())["documentation"]["description"] == "Builds the mart every night."
    assert "documentation" not in facets(elt(), "TASK")


def test_source_code_location_is_that_of_the_deployment():
    reported = facets(elt())["sourceCodeLocation"]
    assert (reported["type"], reported["path"], reported["version"]) == ("git", "flows/nightly.py", "3f2a1c")


def test_source_code_location_has_repository_and_branch():
    reported = facets(elt())["sourceCodeLocation"]
    assert (reported["repoUrl"], reported["branch"]) == ("https://github.com/example/flows.git", "main")


def test_the_commit_is_the_version_of_the_code():
    source = SourceCode("https://git.example/flows", commit="0123456789abcdef")
    assert facets(elt(), source=source)["sourceCodeLocation"]["version"] == "0123456789abcdef"


def test_run_without_known_source_code_has_no_location():
    assert "sourceCodeLocation" not in facets(elt(), source=None)


def test_job_has_owners_and_tags():
    found = facets(elt())
    assert [o["name"] for o in found["ownership"]["owners"]] == ["team:data"]
    assert [t["key"] for t in found["tags"]["tags"]] == ["daily", "gold"]


def test_tags_of_a_single_run_are_not_the_jobs():
    assert "tags" not in facets(elt(), deployment_id=None)


def test_the_statements_that_changed_something_are_shown_each_once():
    story = (
        Story()
        .read("a", sql="SELECT 1")
        .write("b", sql="INSERT 1;")
        .write("b", sql="INSERT 1")
        .create("c", sql="CREATE")
    )
    assert facets(story)["sql"]["query"] == "INSERT 1;\nCREATE"


def test_the_reads_of_a_run_that_only_reads_are_shown():
    assert facets(Story().read("a", sql="SELECT 1"))["sql"]["query"] == "SELECT 1"


def test_sql_facet_has_a_single_dialect_only():
    story = Story().write("a", sql="INSERT 1", dialect="postgres")
    assert facets(story)["sql"]["dialect"] == "postgres"
    assert "dialect" not in facets(story.write("b", sql="INSERT 2", dialect="snowflake"))["sql"]


def test_the_sql_is_bounded():
    assert len(facets(Story().write("a", sql="x" * 10 * MAX_SQL))["sql"]["query"]) == MAX_SQL


def test_a_run_whose_text_may_not_be_shown_has_no_sql():
    assert "sql" not in facets(Story().write("a", "b"))
