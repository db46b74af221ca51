"""Write the tables of `docs/drivers.md` from the descriptions of drivers and stores. python docs/make_drivers_page.py"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from prefect_lineage_events import naming
from prefect_lineage_events.instrumentation import driver as descriptions
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.registry import KNOWN, KnownDriver
from prefect_lineage_events.naming import SCHEMES, Scheme

PAGE = Path(__file__).resolve().parent / "drivers.md"
_TABLE = re.compile(r"(<!-- table of (\w+), written by [^\n]*-->\n)(.*?)(<!-- end of the table -->\n)", re.DOTALL)
# An entry of the list in the docstring of `Driver`: - `name(argument)`, when it is called: its meaning.
_ENTRY = re.compile(
    r"^- `(?P<call>(?P<name>\w+)[^`]*)`, (?P<when>.*?): (?P<meaning>.*?)(?=\n- |\Z)", re.DOTALL | re.MULTILINE
)
_CONNECTION_METHODS = {"cursor", "commit", "rollback", "close"}  # those of the DB-API
_CURSOR_METHODS = {"execute", "executemany", "fetchone", "fetchmany", "fetchall", "close"}


def page(text: str) -> str:
    """The page with the tables of the code in place of its own."""
    return _TABLE.sub(lambda found: f"{found[1]}{''.join(map(_row, TABLES[found[2]]()))}{found[4]}", text)


def driver_rows() -> Iterator[tuple[str, ...]]:
    yield (
        "driver",
        "connections and cursors",
        "wrapped methods beyond the DB-API",
        "looks columns up",
        "SQLAlchemy engines",
    )
    yield ("---",) * 5
    for known in KNOWN:
        yield _known_row(known)


def _known_row(known: KnownDriver) -> tuple[str, ...]:
    driver = known.driver
    objects = "its own objects" if driver.subclassed else "proxies"
    if driver.cursor_classes:
        objects += f", also cursors made from {_codes(driver.cursor_classes)}"
    methods = ({*driver.connection_wrappers} - _CONNECTION_METHODS) | ({*driver.cursor_wrappers} - _CURSOR_METHODS)
    lookup = "no" if driver.lookup is descriptions._nothing else "yes"
    return _code(known.module), objects, _codes(sorted(methods)), lookup, _codes(known.engines)


def field_rows() -> Iterator[tuple[str, ...]]:
    yield "field", "used", "meaning", "default"
    yield ("---",) * 4
    given = {field.name: field for field in fields(Driver) if field.init}
    for entry in _ENTRY.finditer(inspect.getdoc(Driver) or ""):
        meaning = " ".join(entry["meaning"].split()).removesuffix(".")
        yield _code(entry["call"]), entry["when"], meaning, _default(given.pop(entry["name"]))
    if given:
        raise ValueError(f"the docstring of Driver does not describe {', '.join(given)}")


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "none" if field.default_factory is not MISSING else "none, must be given"
    if inspect.isfunction(field.default):
        if field.default.__name__.startswith("_"):
            return "no" if field.default is descriptions._never else "none"
        return (inspect.getdoc(field.default) or "").partition("\n")[0].removesuffix(".")
    return "no" if field.default is False else "none"


def store_rows() -> Iterator[tuple[str, ...]]:
    yield "scheme", "other names of it", "SQL dialect", "default port", "a table's full name", "default schema"
    yield ("---",) * 6
    for scheme in SCHEMES.values():
        yield _store_row(scheme)


def _store_row(scheme: Scheme) -> tuple[str, ...]:
    full_name = ".".join(("database", "schema", "table")[-scheme.depth :])
    ports = ", ".join(map(str, scheme.ports))
    schema = _code(scheme.default_schema) if scheme.default_schema else ""
    aliases = [alias for alias, name in naming._ALIASES.items() if name == scheme.name]
    return _code(scheme.name), _codes(aliases), scheme.dialect, ports, full_name, schema


TABLES = {"drivers": driver_rows, "stores": store_rows, "fields": field_rows}


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |").replace("|  |", "| |")


def _code(text: str) -> str:
    return f"`{text}`"


def _codes(texts: Any) -> str:
    return ", ".join(map(_code, texts))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
