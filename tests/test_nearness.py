"""Names that are near to misspelled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_lineage_events.nearness import did_you_mean, nearest, nearest_paths, no_path


@pytest.mark.parametrize(
    ("wanted", "names", "expected"),
    [
        ("marquz", ["marquez", "kafka"], ["marquez"]),
        ("MARQUEZ", ["marquez"], ["marquez"]),
        ("Orders", ["ORDERS", "orders", "customers"], ["ORDERS", "orders"]),
        (" sales ", ["sales"], ["sales"]),
        ("load", ["load all orders of a day"], ["load all orders of a day"]),
        ("xyz", ["marquez"], []),
        ("", ["marquez"], []),
        ("a", [], []),
    ],
)
def test_nearest_names(wanted: str, names: list[str], expected: list[str]) -> None:
    assert nearest(wanted, names) == expected


def test_no_more_names_than_a_line_holds() -> None:
    assert len(nearest("table", [f"table{number}" for number in range(50)])) == 3


def test_suggested_names_control_no_terminal() -> None:
    assert did_you_mean(["a\x1b[2Jb\n", "c\u202ed"]) == "; did you mean a\\x1b[2Jb\\n, c\\u202ed?"
    assert did_you_mean([]) == ""


def test_nearest_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "lineage.jsonl").touch()
    (tmp_path / "archive").mkdir()
    assert no_path(tmp_path / "linage.jsonl") == (
        f"there is no file {tmp_path}/linage.jsonl; did you mean {tmp_path}/lineage.jsonl?"
    )
    assert nearest_paths(tmp_path / "zebra") == []


def test_nearest_folder_where_the_folder_is_misspelled(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    assert nearest_paths(tmp_path / "archiv" / "lineage.jsonl") == [str(tmp_path / "archive")]
    assert nearest_paths(Path("/no-such-folder-anywhere/at/all")) == []
