"""The check of English finds faults in docstrings, comments, names and pages, and ignores other code."""

from __future__ import annotations

import pytest

from tests.english import faults, main


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", '"""What it does."""\n', [(1, "the docstring begins with 'What'")]),
        ("a.py", 'def f():\n    """Rows.\n\n    Nobody waits.\n    """\n', [(4, "the word 'Nobody'")]),
        ("a.py", "x = 1  # told later\n", [(1, "the word 'told'")]),
        ("a.py", '"""Return `told`."""\nsaid = "nobody"\n', []),
        ("a.md", "One line.\nIt tells all.\n", [(2, "the word 'tells'")]),
        ("a.py", "class ToldEvent: ...\n", [(1, "the name 'ToldEvent' contains 'told'")]),
        ("a.py", "def test_nobody_waits(): ...\n", [(1, "the name 'test_nobody_waits' contains 'nobody'")]),
        ("a.py", "def test_what_it_does(): ...\n", [(1, "the name 'test_what_it_does' begins with a question word")]),
        ("prefect_lineage_events/a.py", "log('it is told there')\n", [(1, "the word 'told'")]),
        ("tests/a.py", "log('it is told there')\n", []),
        ("a.yaml", "key: told  # told later\n", [(1, "the word 'told'")]),
        ("a.md", "```\nit tells all\n```\nThe word `told`.\n", []),
    ],
)
def test_faults_of_a_text_are_found(name: str, text: str, found: list[tuple[int, str]]) -> None:
    assert faults(name, text) == found


def test_repository_has_no_faults() -> None:
    assert main() == 0
