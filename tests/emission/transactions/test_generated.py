"""Generated sequences of statements: the reported writes are those that another connection sees.

`LINEAGE_SEQUENCES` is how many sequences each driver gets; a nightly run may take thousands.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.emission.transactions.conftest import Capture, capturing
from tests.services.postgres import Postgres

psycopg = pytest.importorskip("psycopg")
psycopg2 = pytest.importorskip("psycopg2")
duckdb = pytest.importorskip("duckdb")

SEQUENCES = int(os.environ.get("LINEAGE_SEQUENCES", "25"))
generated = settings(
    max_examples=SEQUENCES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
Seen = dict[str, int]


@dataclass
class Reported:
    """Rows by table, and the existing tables, according to the events; `perhaps` are those of partial statements."""

    rows: Counter[str] = field(default_factory=Counter)
    perhaps: Counter[str] = field(default_factory=Counter)
    made: set[str] = field(default_factory=set)
    made_perhaps: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, capture: Capture) -> Reported:
        found = cls()
        for event in capture.events():
            output = event.output
            if output is None or output.namespace.startswith("temporary:"):
                continue
            partial = event.statement.confidence == "partial"
            if event.operation == "create":
                (found.made_perhaps if partial else found.made).add(output.name)
            elif event.operation == "write":
                rows = found.perhaps if partial else found.rows
                rows[output.name] += event.statement.executions
        return found

    def check(self, rows: Seen, made: set[str]) -> None:
        """One statement writes one row, so that rows count statements."""
        assert self.made <= made <= self.made | self.made_perhaps
        for table in {*rows, *self.rows, *self.perhaps}:
            there = rows.get(table, 0)
            assert self.rows[table] <= there <= self.rows[table] + self.perhaps[table], table


@pytest.fixture(scope="module")
def capture() -> Iterator[Capture]:
    with pytest.MonkeyPatch.context() as patch:
        yield from capturing(patch)


@dataclass(frozen=True)
class Grammar:
    """Strategy for sequences; statements of an open transaction are drawn more often once it is open."""

    begins: tuple[str, ...]
    ends: tuple[str, ...]
    failures: tuple[str, ...]
    inserts: tuple[str, ...]
    others: tuple[str, ...]
    savepoints: tuple[str, ...] = ()


POSTGRES = Grammar(
    begins=("BEGIN", "START TRANSACTION"),
    ends=("COMMIT", "COMMIT", "END", "ROLLBACK", "ABORT", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"),
    failures=("SELECT 1 / 0", "INSERT INTO taken VALUES (1)", "COPY t FROM '/nowhere/at/all'", "SELECT * FROM nowhere"),
    inserts=(
        *("INSERT INTO t VALUES (1)",) * 6,
        "INSERT INTO x.t VALUES (1)",
        "INSERT INTO public.t VALUES (1)",
        "INSERT INTO pg_temp.t VALUES (1)",
        "DO $$ BEGIN INSERT INTO t SELECT 1; END $$",
    ),
    others=(
        *(f"SET search_path TO {path}" for path in ("x", "y, public", '"$user", y', "nowhere, x", "pg_temp, y")),
        *(f"SET LOCAL search_path = {path}" for path in ("x", "public", "DEFAULT")),
        "SELECT set_config('search_path', 'x', true)",
        "SELECT pg_catalog.set_config('search_path', 'y, public', false)",
        "SET SCHEMA 'y'",
        "RESET search_path",
        "RESET ALL",
        "DISCARD ALL",
        "DISCARD TEMP",
        "SET ROLE nora",
        "SET LOCAL ROLE nora",
        "SET SESSION AUTHORIZATION nora",
        "RESET SESSION AUTHORIZATION",
        "RESET ROLE",
        *("CREATE TEMP TABLE t (a INT)",) * 3,
        *("CREATE TEMP TABLE t (a INT) ON COMMIT DROP",) * 2,
        "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1 AS a",
        "SELECT 1 AS a INTO TEMP t",
        "DROP TABLE pg_temp.t",
        "ALTER TABLE pg_temp.t RENAME TO other",
        *(f"CREATE TABLE new_{number} (a INT)" for number in range(3)),
    ),
    savepoints=("a", "b", "A", '"A"'),
)
STEPS = ("commit()", "rollback()")


@st.composite
def sequences(draw: st.DrawFn, grammar: Grammar, steps: tuple[str, ...] = STEPS, scripts: bool = True) -> list[str]:
    """Statements that mostly succeed: a transaction is begun, has savepoints, fails now and then, and ends."""
    found: list[str] = []
    is_open = failed = False
    names: list[str] = []
    for _ in range(draw(st.integers(3, 16))):
        chance = draw(st.integers(0, 99))
        if failed and names and chance < 60:
            text = f"ROLLBACK TO {draw(st.sampled_from(names))}"
        elif (failed and chance < 90) or (is_open and chance < 12):
            text = draw(st.sampled_from([*grammar.ends, *steps]))
        elif not is_open and chance < 30:
            text = draw(st.sampled_from(grammar.begins))
        elif chance < 55:
            text = draw(st.sampled_from(grammar.inserts))
        elif grammar.savepoints and (is_open or steps) and chance < 78:
            verbs = ["SAVEPOINT", "SAVEPOINT", *(["ROLLBACK TO", "ROLLBACK TO", "RELEASE"] if names else [])]
            verb = draw(st.sampled_from(verbs))
            text = f"{verb} {draw(st.sampled_from(names if verb != 'SAVEPOINT' else grammar.savepoints))}"
        else:
            text = draw(st.sampled_from(grammar.failures if chance > 92 else grammar.others))
        verb, _, name = text.rpartition(" ")
        if verb == "SAVEPOINT":
            names.append(name)
        failed = text in grammar.failures or (failed and not verb.startswith("ROLLBACK") and text not in grammar.ends)
        is_open = (is_open or text in grammar.begins or verb == "SAVEPOINT") and text not in (*grammar.ends, *steps)
        names = names if is_open or text in grammar.failures else []
        together = scripts and found and not {found[-1], text} & {*steps} and draw(st.integers(0, 9)) == 0
        found[-1:] = [f"{found[-1]}; {text}"] if together else [*found[-1:], text]
    return found


class PostgresWorld:
    """Tables `t` in three schemas, and another connection that reads them."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = server.database(name)
        self.own = psycopg.connect(server.dsn(self.name), autocommit=True)
        self.own.execute("DROP ROLE IF EXISTS nora; CREATE ROLE nora SUPERUSER")
        self.own.execute("CREATE TABLE taken (a INT PRIMARY KEY); INSERT INTO taken VALUES (1)")
        for schema in ("x", "y", "nora"):
            self.own.execute(f"CREATE SCHEMA {schema}")
        for schema in ("public", "x", "y", "nora"):
            self.own.execute(f"CREATE TABLE {schema}.t (a INT)")
        self._made: set[str] = set()

    def seen(self) -> tuple[Seen, set[str]]:
        """The existing rows and tables, which are removed then."""
        rows = {
            f"{self.name}.{schema}.t": self.own.execute(f"SELECT count(*) FROM {schema}.t").fetchone()[0]
            for schema in ("public", "x", "y", "nora")
        }
        made = self.own.execute("SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE 'new%'").fetchall()
        lasting = [(schema, table) for schema, table in made if not schema.startswith("pg_temp")]
        for schema, table in lasting:
            self.own.execute(f"DROP TABLE {schema}.{table}")
        self.own.execute("TRUNCATE public.t, x.t, y.t, nora.t")
        return rows, {f"{self.name}.{schema}.{table}" for schema, table in lasting}


@pytest.fixture(scope="module")
def world(postgres: Postgres) -> Iterator[PostgresWorld]:
    world = PostgresWorld(postgres, "generated")
    yield world
    world.own.close()


def run_all(connection: Any, execute: Callable[[str], Any], sequence: list[str]) -> None:
    for text in sequence:
        with contextlib.suppress(Exception):
            getattr(connection, text[:-2])() if text.endswith("()") else execute(text)


@pytest.mark.parametrize("autocommit", [True, False], ids=["autocommit", "transactions"])
@pytest.mark.parametrize("module", [psycopg, psycopg2], ids=["psycopg", "psycopg2"])
@generated
@given(sequence=sequences(POSTGRES))
def test_postgres(module: Any, autocommit: bool, sequence: list[str], world: PostgresWorld, capture: Capture) -> None:
    own = module.connect(world.server.dsn(world.name))
    own.autocommit = autocommit
    connection = instrument_connection(own)
    run_all(connection, connection.cursor().execute, sequence)
    connection.close()
    Reported.of(capture).check(*world.seen())


NESTED = ("begin_nested()", "begin_nested()", "nested.commit()", "nested.rollback()")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@generated
@given(sequence=sequences(replace(POSTGRES, others=(*POSTGRES.others, *NESTED * 3)), scripts=False))
def test_postgres_by_an_engine(driver: str, sequence: list[str], world: PostgresWorld, capture: Capture) -> None:
    """Statements that begin and end transactions beside the engine's own are a mistake, and are reported correctly."""
    engine = instrument_connection(sa.create_engine(world.server.url(world.name, driver)))
    nested: list[Any] = []
    with engine.connect() as connection:
        for text in sequence:
            with contextlib.suppress(Exception):
                if text == "begin_nested()":
                    nested.append(connection.begin_nested())
                elif text.startswith("nested."):
                    getattr(nested.pop(), text.removeprefix("nested.")[:-2])()
                elif text.endswith("()"):
                    getattr(connection, text[:-2])()
                else:
                    connection.exec_driver_sql(text)
    engine.dispose()
    Reported.of(capture).check(*world.seen())


SQLITE = Grammar(
    begins=("BEGIN", "BEGIN IMMEDIATE", "BEGIN DEFERRED TRANSACTION"),
    ends=("COMMIT", "COMMIT", "END TRANSACTION", "ROLLBACK"),
    failures=(
        "INSERT INTO taken VALUES (1)",
        "INSERT OR FAIL INTO taken VALUES (1)",
        "INSERT OR ROLLBACK INTO taken VALUES (1)",
        "SELECT * FROM nowhere",
    ),
    inserts=(
        *("INSERT INTO t VALUES (1)",) * 4,
        "INSERT INTO main.t VALUES (1)",
        "INSERT INTO temp.t VALUES (1)",
        "INSERT OR IGNORE INTO t VALUES (1)",
    ),
    others=(
        *("CREATE TEMP TABLE t (a INT)",) * 3,
        "DROP TABLE temp.t",
        "ALTER TABLE temp.t RENAME TO other",
        *(f"CREATE TABLE new_{number} (a INT)" for number in range(3)),
    ),
    savepoints=("a", "b", "A", '"A"', "'b'"),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated") / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as own:
        own.executescript(
            "CREATE TABLE t (a INT); CREATE TABLE taken (a INT PRIMARY KEY); INSERT INTO taken VALUES (1)"
        )
    return path


@pytest.mark.parametrize("level", [None, "", "IMMEDIATE"], ids=["by hand", "deferred", "immediate"])
@generated
@given(sequence=sequences(SQLITE))
def test_sqlite(level: Any, sequence: list[str], file: Path, capture: Capture) -> None:
    own = sqlite3.connect(file, isolation_level=level)
    own.execute("PRAGMA synchronous = OFF")
    connection = instrument_connection(own)

    def execute(text: str) -> None:
        connection.executescript(text) if ";" in text else connection.execute(text)

    run_all(connection, execute, sequence)
    connection.close()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as own:
        own.execute("PRAGMA synchronous = OFF")
        rows = {"t": own.execute("SELECT count(*) FROM t").fetchone()[0]}
        made = {name for (name,) in own.execute("SELECT name FROM sqlite_master WHERE name LIKE 'new%'").fetchall()}
        for name in ("t", *made):
            own.execute(f"DELETE FROM {name}" if name == "t" else f"DROP TABLE {name}")
    Reported.of(capture).check(rows, made)


DUCKDB = Grammar(
    begins=("BEGIN", "BEGIN TRANSACTION", "begin()"),
    ends=("COMMIT", "COMMIT", "END", "ROLLBACK", "ABORT"),
    failures=("INSERT INTO taken VALUES (1)", "SELECT * FROM nowhere", "SELECT CAST('x' AS INT)"),
    inserts=(
        *("INSERT INTO t VALUES (1)",) * 4,
        "INSERT INTO x.t VALUES (1)",
        "INSERT INTO main.t VALUES (1)",
        "INSERT INTO memory.main.t VALUES (1)",
        "INSERT INTO temp.t VALUES (1)",
        "INSERT INTO temp.main.t VALUES (1)",
    ),
    others=(
        "SET schema = 'x'",
        "SET search_path = 'x,main'",
        "RESET schema",
        *("CREATE TEMP TABLE t (a INT)",) * 3,
        "DROP TABLE temp.t",
        *(f"CREATE TABLE new_{number} (a INT)" for number in range(3)),
    ),
)


@pytest.fixture(scope="module")
def duck() -> Iterator[Any]:
    with contextlib.closing(duckdb.connect()) as own:
        own.execute("CREATE SCHEMA x; CREATE TABLE t (a INT); CREATE TABLE x.t (a INT)")
        own.execute("CREATE TABLE taken (a INT PRIMARY KEY); INSERT INTO taken VALUES (1)")
        yield own


@generated
@given(sequence=sequences(DUCKDB))
def test_duckdb(sequence: list[str], duck: Any, capture: Capture) -> None:
    connection = instrument_connection(duck.cursor())
    run_all(connection, connection.execute, sequence)
    connection.close()
    tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE table_name LIKE 'new%' AND NOT temporary"
    made = {f"{schema}.{table}" for schema, table in duck.execute(tables).fetchall()}
    rows = {table: duck.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("main.t", "x.t")}
    for table in rows:
        duck.execute(f"DELETE FROM {table}")
    for table in made:
        duck.execute(f"DROP TABLE {table}")
    Reported.of(capture).check(rows, made)
