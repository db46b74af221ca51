"""Write `docs/sql.md`, the page of SQL statements, from the tables of cases that the tests run.

python docs/make_sql_page.py          write the page
python docs/make_sql_page.py --check  only check that it is up to date
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "sql.md"
sys.path.insert(0, str(REPOSITORY))

TITLES = {
    "": "Every dialect", "snowflake": "Snowflake", "postgres": "PostgreSQL", "bigquery": "BigQuery",
    "redshift": "Redshift", "databricks": "Databricks", "mysql": "MySQL", "sqlite": "SQLite", "duckdb": "DuckDB",
    "tsql": "T-SQL", "oracle": "Oracle", "trino": "Trino", "clickhouse": "ClickHouse", "spark": "Spark and Hive",
    "teradata": "Teradata", "exasol": "Exasol", "athena": "Athena", "starrocks": "StarRocks",
    "materialize": "Materialize", "db2": "Db2", "impala": "Impala", "vertica": "Vertica", "hana": "SAP HANA",
}  # fmt: skip

HEAD = """\
# SQL statements by dialect

<!-- Written by docs/make_sql_page.py from the cases in tests/sql: change those, then run it again. -->

Every statement on this page is a test. Each result has a confidence:

- **exact**: read from the statement's syntax tree.
- **recovered**: the statement does not parse, or not as a whole; its tables were read from its words.
- **partial**: the text lacks something that the result depends on (a template, a text that is built at run time).

Names are those of the store: in its own case, and completed by the connection's database and schema where the statement
leaves them out. This command shows the result for a statement of yours:

    prefect-lineage explain --dialect snowflake "INSERT INTO t SELECT a FROM s"
"""
SHOWN_HEAD = """\
## Statements as events show them

Literals and binds become `?`, comments are removed, and lists are shortened. A literal stays, without credentials, if it
names a dataset that the statement reads or writes; the name of a column or option beside it is no reason. A text that does
not tokenise is shown as its first keyword, an unknown kind of statement as its first word, and a statement about accounts,
servers, keys or secrets as its name.
"""
COLUMNS_HEAD = """\
## Columns

`x <- t.a` means that the value of `t.a` arrives in `x`, unchanged unless a transformation follows it. Columns that only
decide over a value or over the rows (`CONDITIONAL`, `WINDOW`, `FILTER`, `JOIN`, ...) are marked so.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_summary(), *_tables(), COLUMNS_HEAD, *_columns(), SHOWN_HEAD, *_shown()]) + "\n"


def _summary() -> Iterator[str]:
    from tests.sql.tables.case import all_cases

    yield _row("dialect", "statements here", "exact", "recovered", "partial")
    yield _row("---", "---:", "---:", "---:", "---:")
    for dialect, group in groupby(all_cases(), key=lambda item: item[0]):
        levels = Counter(case.confidence for _, _, case in group)
        numbers = [str(levels[level]) for level in ("exact", "recovered", "partial")]
        title = _title(dialect)
        yield _row(f"[{title}](#{_anchor(title)})", str(levels.total()), *numbers)
    yield ""


def _tables() -> Iterator[str]:
    from tests.sql.tables.case import all_cases

    for dialect, cases in groupby(all_cases(), key=lambda item: item[0]):
        yield f"## {_title(dialect)}\n"
        for construct, group in groupby(cases, key=lambda item: item[1]):
            yield f"### {_title(dialect)}: {construct}\n"
            yield _row("case", "statement", "reads", "writes", "confidence")
            yield _row(*["---"] * 5)
            for _, _, case in group:
                yield _row(case.name, _code(case.sql), _names(case.reads), _names(case.writes), case.confidence)
            yield ""


def _columns() -> Iterator[str]:
    from tests.sql.columns.cases_queries import QUERIES
    from tests.sql.columns.cases_statements import STATEMENTS
    from tests.sql.columns.cases_structs import STRUCTS

    for construct, cases in (*QUERIES.items(), *STRUCTS.items(), *STATEMENTS.items()):
        yield f"### Columns: {construct}\n"
        yield _row("case", "statement", "edges")
        yield _row(*["---"] * 3)
        for case in cases:
            edges = [line.strip() for line in case.edges.strip().splitlines()]
            dialect = f" ({_title(case.dialect)})" if case.dialect else ""
            yield _row(case.name + dialect, _code(case.sql), "<br>".join(map(_code, edges)) or "none")
        yield ""


def _shown() -> Iterator[str]:
    from tests.sql.redaction.test_sanitise import SHOWN

    yield _row("case", "statement", "shown")
    yield _row(*["---"] * 3)
    for name, dialect, sql, shown in SHOWN:
        yield _row(f"{name} ({_title(dialect)})", _code(sql), _code(shown))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(text: str) -> str:
    """Code in a cell of a table, on one line."""
    line = " ".join(text.split()).replace("|", "\\|")
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def _names(text: str) -> str:
    separated: Iterable[str] = text.split("|") if "|" in text else text.split()
    return ", ".join(_code(name) for name in separated if name)


def _title(dialect: str) -> str:
    return TITLES.get(dialect) or dialect.capitalize()


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the page is out of date")
    options = parser.parse_args()
    if options.check:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
