"""Shell blocks of the documents are run as a reader runs them: page by page, in order, on a real Prefect server.

A page's own blocks prepare what they can: files, and Python that needs a server. `preparations` has what a reader has
besides, `unrunnable` the lines that cannot run here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import get_client

from tests.code_blocks import BLOCKS, ROOT
from tests.conftest import PrefectServer
from tests.documents.preparations import PREPARED, Preparation, put_on_server
from tests.documents.reader import Reader, lines_of, serves, shell_of
from tests.documents.unrunnable import UNRUNNABLE, reason_of
from tests.marquez.standin import StandIn
from tests.services.process import free_port

# Pages whose lines have tests of their own.
TESTED_APART = {"docs/cli.md": "tests/cli/test_questions.py"}

LINES = [(block.document, line) for block in BLOCKS for line in lines_of(block)]
PAGES = dict.fromkeys(page for page, line in LINES if page not in TESTED_APART and not reason_of(line))


def test_each_excuse_excuses_a_line() -> None:
    assert {reason_of(line) for _, line in LINES} - {None} == UNRUNNABLE.keys()


def test_each_preparation_is_of_a_page_and_its_lines() -> None:
    assert PREPARED.keys() <= PAGES.keys()
    begun = {(page, begins) for page, row in PREPARED.items() for begins in row.before}
    assert {(page, begins) for page, begins in begun if not any(line.startswith(begins) for line in _of(page))} == set()


def test_most_lines_are_run() -> None:
    apart = [line for page in TESTED_APART for line in _of(page)]
    run = [line for page in PAGES for line in _of(page) if not reason_of(line)]
    assert all((ROOT / path).exists() for path in TESTED_APART.values())
    assert len(run) + len(apart) >= 0.8 * len(LINES)


@pytest.mark.server
@pytest.mark.parametrize("page", PAGES)
def test_page_runs_as_it_is_written(page: str, unshared_prefect_server: PrefectServer, tmp_path: Path) -> None:
    row = PREPARED.get(page, Preparation())
    prefect = unshared_prefect_server.api_url.removeprefix("http://").removesuffix("/api")
    if any(serves(line, "prefect server") for line in _of(page)):
        prefect = f"127.0.0.1:{free_port()}"  # of the server that the page starts
    with get_client(sync_client=True) as client:
        put_on_server(row, client)
    with StandIn() as marquez:
        reader = Reader(row, shell_of(tmp_path, prefect, marquez.url.removeprefix("http://")))
        for name, text in row.files.items():
            reader.save(name, text)
        try:
            for block in (one for one in BLOCKS if one.document == page):
                reader.follow(block)
        finally:
            reader.shell.stop()
        assert {job for _, job in marquez.marquez.store.jobs} >= row.jobs


def _of(page: str) -> list[str]:
    return [line for one, line in LINES if one == page]
