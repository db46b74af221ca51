"""Source code of deployments."""

from __future__ import annotations

import pytest

from prefect_lineage_events.history.source_code import SourceCode, source_code
from prefect_lineage_events.repositories import repository_address


def cloning(repository, **more):
    step = {"prefect.deployments.steps.git_clone": {"repository": repository, **more}}
    return {"entrypoint": "flows/shop.py:load", "pull_steps": [step]}


@pytest.mark.parametrize(
    ("given", "url", "as_given"),
    [
        ("https://git.example/a/b.git", "https://git.example/a/b.git", "https://git.example/a/b.git"),
        ("git@github.com:acme/flows.git", "https://github.com/acme/flows.git", "git@github.com:acme/flows.git"),
        ("git@git.example:a/b.git", "ssh://git@git.example/a/b.git", "git@git.example:a/b.git"),
        (
            "ssh://git@gitlab.com/acme/flows.git",
            "https://gitlab.com/acme/flows.git",
            "ssh://git@gitlab.com/acme/flows.git",
        ),
        ("file:///srv/git/flows", "file:///srv/git/flows", "file:///srv/git/flows"),
    ],
)
def test_an_address_of_a_repository_is_a_url(given, url, as_given):
    found = repository_address(given)
    assert (found.url, found.as_given) == (url, as_given)


@pytest.mark.parametrize(
    "given",
    [
        "https://x-access-token:ghp_S3CRET@github.com/acme/flows.git",
        "https://S3CRET@github.com/acme/flows.git",
        "https://user:p@S3CRET@github.com/acme/flows.git",
        "https://user:p?S3CRET@github.com/acme/flows.git",
        "https://user:p#S3CRET@github.com/acme/flows.git",
        "https://github.com/acme/flows.git?token=S3CRET",
        "https://github.com/acme/flows.git#S3CRET",
        "https://github.com/acme/flows.git?private_token=S3CRET&version=GCabc",
        "ssh://user:S3CRET@git.example/acme/flows.git",
        "https://{{ prefect.blocks.secret.S3CRET }}@github.com/acme/flows.git",
    ],
)
def test_no_address_holds_credentials(given):
    found = source_code({**cloning(given), "version_info": {"type": "vcs:github", "url": given}})
    assert found is not None
    assert "S3CRET" not in repr(found)
    assert "S3CRET" not in repr(source_code(cloning(given)))


@pytest.mark.parametrize(
    "given",
    [None, "", "x-access-token:ghp_S3CRET@github.com/acme/flows.git", "flows/nightly.py", "{{ $REPOSITORY }}", "https://{{ host }}/a/b", "C:\\flows", "https://", "a b",
              "https://user:p/S3CRET@github.com/acme/flows.git"],
)  # fmt: skip
def test_a_text_that_is_no_address_gives_no_location(given):
    assert source_code(cloning(given) if given else {"pull_steps": [{}]}) is None


def test_the_file_of_a_cloned_repository_has_its_page():
    found = source_code(cloning("https://github.com/acme/flows.git", branch="release/1.2"))
    page = "https://github.com/acme/flows/blob/release/1.2/flows/shop.py"
    assert found == SourceCode(page, "https://github.com/acme/flows.git", "release/1.2", None, "flows/shop.py")


def test_the_commit_goes_before_the_branch():
    found = source_code(cloning("https://gitlab.com/acme/flows", branch="main", commit_sha="0123456789abcdef"))
    assert found.url == "https://gitlab.com/acme/flows/-/blob/0123456789abcdef/flows/shop.py"
    assert (found.branch, found.commit) == ("main", "0123456789abcdef")


def test_a_template_for_a_branch_is_no_branch():
    assert source_code(cloning("https://github.com/acme/flows", branch="{{ $BRANCH }}")).branch is None


def test_the_version_of_a_deployment_has_branch_commit_and_repository():
    sha = "3f2a" * 10
    version = {
        "type": "vcs:github",
        "version": sha[:8],
        "commit_sha": sha,
        "branch": "main",
        "repository": "acme/flows",
        "url": f"https://github.com/acme/flows/tree/{sha}",
    }
    found = source_code({"entrypoint": "flows/shop.py:load", "version_info": version})
    assert found == SourceCode(
        f"https://github.com/acme/flows/tree/{sha}", "https://github.com/acme/flows", "main", sha, "flows/shop.py"
    )


def test_the_version_by_local_git_has_the_remote_as_repository():
    version = {"type": "vcs:git", "commit_sha": "3f2a" * 10, "branch": "main", "url": "git@github.com:acme/flows.git"}
    found = source_code({"entrypoint": "flows/shop.py:load", "version_info": version})
    assert found.repository == "git@github.com:acme/flows.git"
    assert found.url == f"https://github.com/acme/flows/blob/{'3f2a' * 10}/flows/shop.py"


@pytest.mark.parametrize("entrypoint", ["acme.flows.shop:load", "/opt/flows/shop.py:load", "../shop.py:load", None])
def test_code_outside_of_the_repository_has_no_path(entrypoint):
    deployment = {**cloning("https://github.com/acme/flows", branch="main"), "entrypoint": entrypoint}
    assert source_code(deployment).path is None


@pytest.mark.parametrize("steps", [None, "clone", [None], [{"a": None}], [{"prefect.x.git_clone": "https://a/b"}]])
def test_pull_steps_of_any_form_are_read(steps):
    assert source_code({"pull_steps": steps}) is None
