"""All methods of a SqlAlchemyConnector, in flows and tasks."""

from kit import Connector, attempt
from prefect import flow, task
from prefect.futures import wait
from sqlalchemy import text

URL = "sqlite:///block.db"


@task
def extract(low):
    with Connector(connection_info=URL) as database:
        return database.fetch_all("SELECT a, b FROM t WHERE a > :low ORDER BY a", parameters={"low": low})


@task
def load(rows):
    with Connector(connection_info=URL) as database:
        database.execute_many("INSERT INTO u VALUES (:a, :b)", [{"a": a, "b": b} for a, b in rows])
    return len(rows)


@flow(log_prints=False)
def methods():
    with Connector(connection_info=URL) as database:
        print(database.execute("CREATE TABLE t (a INTEGER, b TEXT)"))
        database.execute("CREATE TABLE u (a INTEGER UNIQUE, b TEXT)")
        database.execute_many("INSERT INTO t VALUES (:a, :b)", [{"a": n, "b": str(n)} for n in range(9)])
        print(database.fetch_one("SELECT * FROM t ORDER BY a"), database.fetch_one("SELECT * FROM t ORDER BY a"))
        print(database.fetch_many("SELECT a FROM t ORDER BY a", size=2))
        print(database.fetch_many("SELECT a FROM t ORDER BY a", size=2))
        print(database.fetch_all("SELECT count(*) FROM t"))
        attempt("reset", lambda: database.reset_cursors())
        attempt("missing table", lambda: database.execute("SELECT * FROM missing"))
        attempt("missing parameter", lambda: database.fetch_all("SELECT * FROM t WHERE a = :a"))
        attempt("not SQL", lambda: database.execute("this is not SQL"))
    print(load(extract(6)))
    futures = [extract.submit(n) for n in (5, 7)]
    wait(futures)
    print(sorted(len(f.result()) for f in futures))
    print(sorted(len(rows) for rows in extract.map([1, 8]).result()))
    with Connector(connection_info=URL) as database:
        with database.get_connection() as connection:
            print(connection.execute(text("SELECT count(*) FROM u")).scalar())
        with database.get_connection(begin=False) as connection:
            connection.execute(text("DELETE FROM u"))
            connection.rollback()
        engine = database.get_engine()
        attempt("engine", lambda: (repr(engine), engine.dialect.name, engine.url.database))
        raw = engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("INSERT INTO u VALUES (99, 'raw')")
        raw.commit()
        print(cursor.rowcount, raw.is_valid)
        raw.close()
        with database.get_client(client_type="connection") as connection:
            print(connection.execute(text("SELECT max(a) FROM u")).scalar())
        print(database.get_engine() is engine)
    attempt("block", lambda: (repr(database)[:20], database.dict().keys(), database.block_type_slug_ok))


@flow
def fails():
    with Connector(connection_info=URL) as database:
        database.execute("INSERT INTO u VALUES (1000, 'stays')")
        database.execute("INSERT INTO u VALUES (99, 'again')")


methods()
fails()
