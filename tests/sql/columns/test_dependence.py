"""Dependence of a result's columns, by experiment: generated queries run on DuckDB, each input column changed in turn.

An output column that changes with an input column must have an edge from it, or the input column must decide over the
rows. (The other way round proves nothing: a column may matter, and not on these rows.)
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import duckdb
import pytest

from prefect_lineage_events.sql import analyze

TABLES = {"t": ["a", "b", "c"], "u": ["a", "d", "e"]}
SCHEMAS = {table: dict.fromkeys(columns, "INTEGER") for table, columns in TABLES.items()}
QUERIES = 12  # for each seed
DATA = 2  # for each query
Data = dict[str, list[list[int]]]


class Queries:
    """Random queries that DuckDB runs; every output has a name of its own."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"c{self.count}"

    def value(self, columns: list[str], depth: int = 2) -> str:
        if depth == 0 or self.chance.random() < 0.3:
            return self.chance.choice(columns)
        one, two, three = (self.value(columns, depth - 1) for _ in range(3))
        field = self.chance.choice("xy")
        return self.chance.choice(
            [
                f"({one} + {two})",
                f"(case when {one} > 1 then {two} else {three} end)",
                f"coalesce(nullif({one}, 1), {two})",
                f"({{'x': {one}, 'y': {two}}}).{field}",
                f"struct_pack(x := {one}, y := {two})['{field}']",
                f"[{{'x': {one}, 'y': {two}}}][1].{field}",
                f"(to_json({{'x': {one}, 'y': {two}}})->>'{field}')::int",
                f"map {{'x': {one}, 'y': {two}}}['{field}']",
                f"(select max(z.d) from u z where z.a = {one})",
                f"row_number() over (partition by {one} order by {two}, {three})",
            ]
        )

    def aggregate(self, columns: list[str], row: str, fields: list[str]) -> str:
        one, two, three = (self.chance.choice(columns) for _ in range(3))
        field = self.chance.choice("xy")
        return self.chance.choice(
            [
                f"max({one})",
                f"sum({one}) filter (where {two} > 1)",
                f"arg_max({one}, {two})",
                f"max({{'x': {one}, 'y': {two}}}).{field}",
                f"arg_min({{'x': {one}, 'y': {two}}}, {three}).{field}",
                f"list({{'x': {one}, 'y': {two}}} order by {two}, {three})[1].{field}",
                f"max({row}).{self.chance.choice(fields)}",
            ]
        )

    def query(self, depth: int = 2) -> tuple[str, list[str]]:
        alias = f"q{self.name()}"
        if depth == 0 or self.chance.random() < 0.4:
            table = self.chance.choice(list(TABLES))
            source, fields = f"{table} {alias}", TABLES[table]
        else:
            inner, fields = self.query(depth - 1)
            source = f"({inner}) {alias}"
            if self.chance.random() < 0.3:
                fields = [self.name() for _ in fields]
                source += f" ({', '.join(fields)})"
        columns = [f"{alias}.{field}" for field in fields]
        where = f" where {self.chance.choice(columns)} > 0" if self.chance.random() < 0.3 else ""
        shape, left_out = self.chance.random(), self.chance.choice(fields)
        kept = [field for field in fields if field != left_out]
        if shape < 0.1 and kept:
            return f"select * exclude ({left_out}) from {source}{where}", kept
        if shape < 0.2 and kept:
            return f"select columns(* exclude ({left_out})) + 0 from {source}{where}", kept
        if shape < 0.3:
            return f"select unnest({alias}) from {source}{where}", fields
        if shape < 0.6:
            values = [self.aggregate(columns, alias, fields) for _ in range(2)]
        else:
            values = [self.value(columns) for _ in range(self.chance.randint(1, 3))]
        names = [self.name() for _ in values]
        listed = ", ".join(f"{value} as {name}" for value, name in zip(values, names, strict=True))
        return f"select {listed} from {source}{where}", names


def _rows(chance: random.Random) -> Data:
    return {table: [[chance.randint(0, 3) for _ in columns] for _ in range(6)] for table, columns in TABLES.items()}


def _results(connection: duckdb.DuckDBPyConnection, sql: str, data: Data) -> list[list[str]]:
    """The values of each output column, sorted: the order of rows is not guaranteed."""
    for table, rows in data.items():
        listed = ", ".join(str(tuple(row)) for row in rows)
        connection.execute(f"create or replace table {table} as from (values {listed}) v ({', '.join(TABLES[table])})")
    return [sorted(map(str, column)) for column in zip(*connection.execute(sql).fetchall(), strict=True)]


def _changed(data: Data, chance: random.Random) -> Iterator[tuple[str, Data]]:
    """The data with one column's values changed, for each column."""
    for table, columns in TABLES.items():
        for at, column in enumerate(columns):
            rows = [[*row[:at], chance.randint(0, 3), *row[at + 1 :]] for row in data[table]]
            yield f"{table}.{column}", {**data, table: rows}


def _that_run(connection: duckdb.DuckDBPyConnection, chance: random.Random) -> list[tuple[str, list[str]]]:
    """Queries that DuckDB accepts: not every value is valid everywhere (a window within a window)."""
    found: list[tuple[str, list[str]]] = []
    for _ in range(10 * QUERIES):
        sql, names = Queries(chance).query()
        with contextlib.suppress(duckdb.Error):
            _results(connection, sql, _rows(chance))
            found.append((sql, names))
        if len(found) == QUERIES:
            break
    assert len(found) == QUERIES
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_column_that_changes_the_result_has_an_edge(seed: int) -> None:
    chance = random.Random(seed)
    connection = duckdb.connect()
    for sql, names in _that_run(connection, chance):
        (statement,) = analyze(sql, dialect="duckdb", schemas=SCHEMAS)
        assert [name.lower() for name in statement.result_columns] == names, sql
        known = {(e.target_column, f"{e.source.name}.{e.source_column}") for e in statement.columns}
        deciding = {f"{e.source.name}.{e.source_column}" for e in statement.indirect}
        for _ in range(DATA):
            data = _rows(chance)
            before = _results(connection, sql, data)
            for column, changed in _changed(data, chance):
                after = _results(connection, sql, changed)
                if len(before) != len(after):  # (a result without rows has no columns here)
                    assert column in deciding, f"{column} decides over the rows: {sql}"
                    continue
                for name, one, other in zip(names, before, after, strict=bool(before)):
                    assert one == other or column in deciding or (name, column) in known, f"{name} <- {column}: {sql}"
