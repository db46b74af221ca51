"""Copies of whole DuckDB databases, as statements on each of their tables.

https://duckdb.org/docs/stable/sql/statements/export
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from prefect_lineage_events.naming import quote

_MAX_SCRIPT = 1_000_000  # characters
_NAME = r'(?:"((?:[^"]|""){1,999})"|(\w{1,999}))'
_BLANK = r"\s{1,99}"
_COPY = re.compile(
    rf"\s{{0,99}}COPY{_BLANK}FROM{_BLANK}DATABASE{_BLANK}{_NAME}{_BLANK}TO{_BLANK}{_NAME}"
    r"\s{0,99}(\(\s{0,99}SCHEMA\s{0,99}\))?[\s;]{0,99}\Z",
    re.IGNORECASE,
)
_EXPORT = re.compile(
    rf"\s{{0,99}}(EXPORT|IMPORT){_BLANK}DATABASE{_BLANK}(?:{_NAME}{_BLANK}TO{_BLANK})?'((?:[^']|''){{1,4000}})'",
    re.IGNORECASE,
)
_LOADED = re.compile(r"^COPY ([^\s(']{1,999})(?: ?\([^()\n]{0,9999}\))? FROM ('(?:[^'\n]|''){1,4000}')", re.MULTILINE)


def copied_tables(sql: str, tables: Mapping[tuple[str, str, str], Iterable[str]]) -> str | None:
    """The statements that a copy, an export or an import of a database stands for; None for any other statement.

    `tables` are the columns of the tables by database (empty for the current one), schema and name.
    """
    if copied := _COPY.match(sql):
        source, target = (copied[1] or copied[2]).lower(), copied[3] or copied[4]
        return None if copied[5] else _created(source, target, tables)
    found = _EXPORT.match(sql)
    if found is None:
        return None
    directory = Path(found[4].replace("''", "'"))
    load = _script(directory / "load.sql")
    if found[1].upper() == "IMPORT":
        return f"{_script(directory / 'schema.sql')}\n{load}"
    return ";\n".join(f"COPY {table} TO {file}" for table, file in _LOADED.findall(load)) or None


def _created(source: str, target: str, tables: Mapping[tuple[str, str, str], Iterable[str]]) -> str | None:
    databases = {database for database, *_ in tables}
    own = source if source in databases else ""
    statements = (
        f"CREATE TABLE {quote(target)}.{quote(schema)}.{quote(name)} AS SELECT {', '.join(map(quote, columns))} "
        f"FROM {quote(source)}.{quote(schema)}.{quote(name)}"
        for (database, schema, name), columns in tables.items()
        if database == own and getattr(columns, "kind", "table") == "table"
    )
    return ";\n".join(statements) or None


def _script(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(_MAX_SCRIPT)
