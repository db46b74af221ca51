"""Definitions of a run's code in the event of its count."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from prefect_lineage_events.context.defined import Defined
from prefect_lineage_events.emission import checkouts, definitions_sent
from prefect_lineage_events.emission.definitions_sent import Definitions


@pytest.fixture(autouse=True)
def _no_known_places(monkeypatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    definitions_sent._place.cache_clear()
    checkouts.checkout.cache_clear()


def code(folder: Path, name: str = "flows/nightly.py") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    return file


def checkout(folder: Path, url: str, head: str = "ref: refs/heads/feature/x") -> None:
    git = folder / ".git"
    git.mkdir()
    (git / "HEAD").write_text(head + "\n")
    (git / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n[branch "main"]\n')


def place(file: Path | str, module: str = "__main__") -> tuple[str | None, str | None, str | None]:
    found, path = definitions_sent._place(str(file), module)
    return found.address, found.branch, path


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://github.com/acme/etl.git", "https://github.com/acme/etl.git"),
        ("https://bob:ghp_token@github.com/acme/etl.git", "https://github.com/acme/etl.git"),
        ("https://x-access-token:a/b@github.com/acme/etl.git", None),
        ("https://git.example/etl?token=abc", "https://git.example/etl"),
        ("https://bob:to?ken@git.example/etl", "https://git.example/etl"),
        ("https://[bad/etl", None),
        ("git@github.com:acme/etl.git", "git@github.com:acme/etl.git"),
        ("bob@git.example:etl", "git@git.example:etl"),
        ("ssh://bob@git.example/etl", "ssh://git@git.example/etl"),
        ("/srv/git/etl.git", None),
        ("../etl", None),
        ("file:///home/bob/etl", None),
    ],
)
def test_address_of_the_repository_has_no_credentials_and_is_no_folder(tmp_path, url, shown):
    checkout(tmp_path, url)
    repository, _, path = place(code(tmp_path))
    assert repository == shown
    assert path == ("flows/nightly.py" if shown else "nightly.py")


@pytest.mark.parametrize(
    ("head", "commit"), [("ref: refs/heads/main", None), ("0f" * 20, "0f" * 20), ("0f" * 32, "0f" * 32), ("0f", None)]
)
def test_a_commit_is_known_where_no_branch_is_checked_out(tmp_path, head, commit):
    checkout(tmp_path, "https://git.example/etl", head)
    definitions = Definitions()
    definitions.add(Defined("f", "__main__", "f", str(code(tmp_path)), ""), None)
    sent = definitions.take(again=False)
    assert sent is not None
    assert sent.flow is not None
    assert sent.flow.commit == commit


@pytest.mark.parametrize(
    ("head", "branch"), [("ref: refs/heads/feature/x", "feature/x"), ("0123456789abcdef0123456789abcdef01234567", None)]
)
def test_branch_is_the_current_one(tmp_path, head, branch):
    checkout(tmp_path, "https://git.example/etl", head)
    assert place(code(tmp_path)) == ("https://git.example/etl", branch, "flows/nightly.py")


def test_a_repository_with_references_in_another_format_has_no_branch(tmp_path):
    checkout(tmp_path, "https://git.example/etl", "ref: refs/heads/.invalid")
    assert place(code(tmp_path)) == ("https://git.example/etl", None, "flows/nightly.py")


@pytest.mark.parametrize(
    "config",
    [
        '[remote "origin"]\n\turl = "https://git.example/etl" ; the old one: https://old.example\n',
        '[remote "origin"]\n\turl = https://git.example/etl # moved\n',
        '[Remote "origin"]\n\tURL=https://git.example/etl\n',
        '[remote "origin"] url = https://git.example/etl\n',
        '[remote "upstream"]\n\turl = https://other.example\n# [remote "x"]\n[ remote "origin" ]\nurl = https://git.example/etl',
        '[url "https://git.example/"]\n\tinsteadOf = work:\n[remote "origin"]\n\turl = work:etl\n',
        '[url "https://git.example/"]\n\tinsteadOf = work:\n[url "https://x/"]\n\tinsteadOf = w\n'
        '[remote "origin"]\n\turl = work:etl\n',
        '[url "https://bob:secret@git.example/"]\n\tinsteadOf = https://git.old/\n[remote "origin"]\nurl = https://git.old/etl',
    ],
)
def test_address_is_that_of_gits_settings(tmp_path, config):
    checkout(tmp_path, "")
    (tmp_path / ".git" / "config").write_text(config)
    assert place(code(tmp_path)) == ("https://git.example/etl", "feature/x", "flows/nightly.py")


def test_address_is_replaced_as_the_users_settings_say(tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text(
        '[url "git@git.example:"]\n\tinsteadOf = work:\n\tinsteadOf = https://git.old/\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    checkout(tmp_path, "https://git.old/etl")
    assert place(code(tmp_path))[0] == "git@git.example:etl"


@pytest.mark.parametrize(
    ("xdg", "url", "shown"),
    [
        ("xdg", "work:etl", "https://xdg.example/etl"),
        ("xdg", "home:etl", "https://home.example/etl"),
        ("xdg", "both:etl", "https://xdg.example/both/etl"),
        ("", "work:etl", "https://config.example/etl"),
        (None, "work:etl", "https://config.example/etl"),
    ],
)
def test_both_files_of_the_users_settings_are_read_as_git_reads_them(tmp_path, monkeypatch, xdg, url, shown):
    def write(name: str, *replaced: tuple[str, str]) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f'[url "{new}"]\n\tinsteadOf = {old}\n' for new, old in replaced))

    write("x/xdg/git/config", ("https://xdg.example/", "work:"), ("https://xdg.example/both/", "both:"))
    write(".config/git/config", ("https://config.example/", "work:"))
    write(".gitconfig", ("https://home.example/", "home:"), ("https://home.example/both/", "both:"))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", xdg and str(tmp_path / "x" / xdg))
    checkout(tmp_path, url)
    assert place(code(tmp_path))[0] == shown
    of_git = ["git", "ls-remote", "--get-url", url]
    assert (
        subprocess.run(of_git, cwd=tmp_path / "x", capture_output=True, text=True, check=True).stdout.strip() == shown
    )


@pytest.mark.parametrize(
    "config", ["", "[remote", '[remote "origin"]\nurl\n', '[remote "origin"]\nurl = \n', "\0\xff = ["]
)
def test_settings_without_an_address_have_none(tmp_path, config):
    checkout(tmp_path, "")
    (tmp_path / ".git" / "config").write_text(config)
    assert place(code(tmp_path)) == (None, None, "nightly.py")


def test_an_installed_package_is_no_part_of_the_checkout_around_it(tmp_path, monkeypatch):
    checkout(tmp_path, "https://git.example/etl")
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    file = code(packages, "shared/tasks.py")
    monkeypatch.syspath_prepend(str(packages))
    assert place(file, "shared.tasks") == (None, None, "shared/tasks.py")


def test_work_tree_has_the_repository_of_its_folder(tmp_path):
    (tmp_path / "main").mkdir()
    checkout(tmp_path / "main", "https://git.example/etl")
    git = tmp_path / "main" / ".git" / "worktrees" / "w"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/w\n")
    (git / "commondir").write_text("../..\n")
    file = code(tmp_path / "w")
    (tmp_path / "w" / ".git").write_text(f"gitdir: {git}\n")
    assert place(file) == ("https://git.example/etl", "w", "flows/nightly.py")


def test_without_a_repository_the_path_begins_below_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place(code(tmp_path)) == (None, None, "flows/nightly.py")
    assert place("flows/nightly.py") == (None, None, "flows/nightly.py")


def test_no_path_has_a_users_name(tmp_path, monkeypatch):
    home = tmp_path / "home" / "alice"
    file = code(home, "secret project/etl/nightly.py")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.syspath_prepend(str(tmp_path))
    for folder in (home, home.parent, tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        definitions_sent._place.cache_clear()
        assert place(file) == (None, None, "nightly.py")
        assert place(file, "etl.nightly") == (None, None, "etl/nightly.py")


@pytest.mark.parametrize("file", ["<stdin>", "<ipython-input-1-abc>", "/tmp/ipykernel_1/12.py", "", "/nowhere/x.py"])
def test_code_that_is_no_file_has_no_path(file):
    assert place(file) == (None, None, None)


def task(name: str, key: str, description: str = "") -> Defined:
    return Defined(name, "etl", key.partition("-")[0], "", description, key)


def test_definitions_are_sent_again_only_where_asked_or_if_there_are_new_ones():
    definitions = Definitions()
    assert definitions.take(again=True) is None
    definitions.add(None, task("load", "load-1"))
    assert definitions.take(again=False) is not None
    definitions.add(None, task("load", "load-1"))
    assert definitions.take(again=False) is None
    definitions.add(None, task("copy", "copy-1"))
    found = definitions.take(again=False)
    assert found is not None
    assert [one.name for one in found.tasks] == ["load", "copy"]
    assert definitions.take(again=True) == found


def test_task_of_the_same_name_that_did_not_run_is_named():
    named = (("load", "load_a-1", "etl", "load_a"), ("load", "load_b-1", "etl", "load_b"), ("copy", "copy-1", "", ""))
    definitions = Definitions()
    definitions.add(Defined("nightly", "etl", "nightly", "", "", tasks=named), task("load", "load_a-1"))
    found = definitions.take(again=True)
    assert found is not None
    assert [(one.key, one.ran) for one in found.tasks] == [("load_a-1", True), ("load_b-1", False)]


def test_definitions_of_many_tasks_are_bounded():
    definitions = Definitions()
    for number in range(1_000):
        definitions.add(None, task(f"t{number}", f"t{number}-1", "x" * 2_000))
    found = definitions.take(again=True)
    assert found is not None
    assert len(found.model_dump_json()) < 150_000


def test_descriptions_that_are_not_sent_are_not_redacted(monkeypatch):
    redacted: list[str] = []
    monkeypatch.setattr(definitions_sent, "without_credentials", lambda text: redacted.append(text) or text)
    definitions = Definitions()
    for number in range(100):
        definitions.add(None, task(f"t{number}", f"t{number}-1", "x" * 2_000))
    found = definitions.take(again=True)
    assert found is not None
    assert [bool(one.description) for one in found.tasks] == [True] * 25 + [False] * 75
    assert [text for text in redacted if text] == ["x" * 2_000] * 26


def test_credentials_of_addresses_in_a_description_stay_in_the_process():
    definitions = Definitions()
    definitions.add(None, task("load", "load-1", "From postgres://bob:hunter2@h/db."))
    found = definitions.take(again=True)
    assert found is not None
    assert found.tasks[0].description == "From postgres://***@h/db."
