"""Facets of jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.history.source_code import SourceCode
from prefect_lineage_events.openlineage.job_facets import MAX_SQL, job_facets
from tests.openlineage.conftest import deployed, elt
from tests.stitching.histories import Story
from tests.stitching.lineages import run

DEFINED = Definition(function="load", path="flows/load.py", description="Loads.")


def facets(story, kind="FLOW", definition=None, **of_run):
    found = run(story)
    return job_facets(replace(deployed(found.run), **of_run), found.lineage, kind, definition=definition)


@pytest.mark.parametrize("kind", ["FLOW", "TASK"])
def test_a_job_is_a_batch_of_prefect(kind):
    reported = facets(elt(), kind)["jobType"]
    assert (reported["processingType"], reported["integration"], reported["jobType"]) == ("BATCH", "PREFECT", kind)


def test_the_deployments_description_documents_the_flow():
    assert facets(elt())["documentation"]["description"] == "Builds the mart every night."
    assert "documentation" not in facets(elt(), "TASK")


@pytest.mark.parametrize(
    ("kind", "of_deployment", "description"),
    [("FLOW", "Nightly.", "Nightly."), ("FLOW", None, "Loads."), ("TASK", "Nightly.", "Loads.")],
)
def test_docstring_documents_a_task_and_a_flow_without_another_description(kind, of_deployment, description):
    found = facets(elt(), kind, DEFINED, deployment_description=of_deployment)
    assert found["documentation"]["description"] == description


def test_credentials_in_a_docstring_are_not_sent():
    shown = facets(elt(), "TASK", Definition(description="Use postgres://bob:hunter2@h/db, password=hunter2."))
    assert "hunter2" not in shown["documentation"]["description"]


@pytest.mark.parametrize("repository", ["https://github.com/acme/etl.git", "git@github.com:acme/etl.git"])
def test_file_of_the_function_is_the_location_of_a_run_without_a_deployment(repository):
    defined = DEFINED.model_copy(update={"repository": repository, "branch": "main"})
    found = facets(elt(), source=None, definition=defined)["sourceCodeLocation"]
    assert found["url"] == "https://github.com/acme/etl/blob/main/flows/load.py"
    assert (found["type"], found["repoUrl"], found["path"]) == ("git", repository, "flows/load.py")


def test_a_file_of_a_checkout_without_a_branch_is_located_by_its_commit():
    defined = DEFINED.model_copy(update={"repository": "https://github.com/acme/etl.git", "commit": "0f" * 20})
    found = facets(elt(), source=None, definition=defined)["sourceCodeLocation"]
    assert found["url"] == f"https://github.com/acme/etl/blob/{'0f' * 20}/flows/load.py"
    assert (found["version"], "branch" in found) == ("0f" * 20, False)


def test_without_a_repository_the_location_is_a_file_below_the_programs_folder():
    found = facets(elt(), source=None, definition=DEFINED)["sourceCodeLocation"]
    assert (found["type"], found["url"], found["path"]) == ("file", "file:flows/load.py", "flows/load.py")


def test_task_in_another_repository_has_its_own_location():
    assert facets(elt(), "TASK", DEFINED)["sourceCodeLocation"]["path"] == "flows/nightly.py"
    defined = DEFINED.model_copy(update={"repository": "https://git.example/tasks"})
    assert facets(elt(), "TASK", defined)["sourceCodeLocation"]["url"] == "https://git.example/tasks"


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
