"""Facts about dialects: a row for each dialect, and no other list of dialects in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlglot.dialects.dialect import Dialects

import prefect_lineage_events
from prefect_lineage_events.dialect_facts import Dialect
from prefect_lineage_events.dialects import DIALECTS, dialect_of
from prefect_lineage_events.naming import SCHEMES

PACKAGE = Path(prefect_lineage_events.__file__).parent
# Files whose tables have entries of their own kind for each dialect, such as functions or patterns.
TABLES = {
    "sql/catalogs.py": "names of catalogs",
    "sql/lexer.py": "the two languages of Athena",
    "sql/tables/parser.py": "changes of the tokens before parsing",
    "sql/tables/recovery_names.py": "signs that join parts of a name",
    "sql/tables/table_functions.py": "table functions",
    "sql/transactions/rules.py": "rules of transactions",
}

# Files with grammar of one dialect, which no fact expresses.
GRAMMAR = {
    "sql/names.py": "BigQuery: names of projects, wildcards",
    "sql/tables/tree_nodes.py": "ClickHouse: dictionaries and functions within functions",
    "sql/tables/use_set.py": "Hive: USE default; DuckDB: a search path in a text",
    "sql/transactions/control.py": "Teradata: ET, BT",
}


@pytest.mark.parametrize("name", [dialect.value for dialect in Dialects])
def test_each_dialect_of_sqlglot_has_a_row(name: str) -> None:
    assert name in DIALECTS


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
def test_each_scheme_of_tables_has_a_dialect_with_a_row(scheme: object) -> None:
    assert SCHEMES[scheme.name].dialect in DIALECTS  # type: ignore[attr-defined]


def test_dialect_without_a_row_has_the_defaults() -> None:
    assert dialect_of("unheard-of") == Dialect()


@pytest.mark.parametrize(("name", "depth"), [("snowflake", 3), ("mysql", 2), ("duckdb", 2), ("sqlite", 1)])
def test_depth_leaves_out_the_file_of_an_embedded_database(name: str, depth: int) -> None:
    assert dialect_of(name).depth == depth


def test_no_other_module_lists_dialects() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py")) if any(_lists(path))}
    assert found - {"dialects.py"} == TABLES.keys()


def test_no_other_module_compares_the_name_of_a_dialect() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py")) if any(_compares(path))}
    assert found == GRAMMAR.keys()


def _compares(path: Path) -> Iterator[ast.expr]:
    """The comparisons of something called `dialect` with a literal, but for the generic dialect."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("dialect"):
            names = [value for value in node.comparators if isinstance(value, ast.Constant) and value.value]
            yield from names


def _lists(path: Path) -> Iterator[ast.expr]:
    """The literal sets, lists, tuples and keys of dictionaries that consist of two or more names of dialects."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            members: list[ast.expr | None] = list(node.elts)
        elif isinstance(node, ast.Dict):
            members = list(node.keys)
        else:
            continue
        names = {member.value for member in members if isinstance(member, ast.Constant)}
        if len(names) > 1 and len(members) == len(names) and names <= DIALECTS.keys():
            yield node
