"""Blocks that are copied, pickled, sent to other processes, saved and loaded."""

import copy
import inspect
import json
import pickle

import cloudpickle
from kit import Connector, attempt
from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

URL = "sqlite:///pickles.db"


def count(database):
    return database.fetch_all("SELECT count(*) FROM t")


@task
def counts(url):
    with Connector(connection_info=url) as database:
        return count(database)[0][0]


@flow
def copies():
    database = Connector(connection_info=URL, fetch_size=3)
    database.execute("CREATE TABLE t (a INTEGER)")
    database.execute("INSERT INTO t VALUES (1)")
    attempt("same", lambda: database == Connector(connection_info=URL, fetch_size=3))
    attempt("fields", lambda: json.loads(database.model_dump_json())["fetch_size"])
    attempt("copied fields", lambda: copy.copy(database).fetch_size)
    attempt("pickle of a used one", lambda: len(pickle.dumps(database)) > 0)
    database.close()
    attempt("pickled", lambda: pickle.loads(pickle.dumps(database)).fetch_size)
    attempt("cloudpickled", lambda: cloudpickle.loads(cloudpickle.dumps(database)).fetch_size)
    for name in ("execute", "execute_many", "fetch_all", "get_engine", "get_connection", "reset_cursors", "close"):
        attempt(
            name,
            lambda name=name: (
                list(inspect.signature(getattr(Connector, name)).parameters),
                getattr(Connector, name).__name__,
            ),
        )
    attempt("coroutine", lambda: inspect.iscoroutinefunction(Connector.execute))
    print([counts(URL), counts.submit(URL).result()])


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def threads():
    print(counts.map([URL, URL, URL]).result())


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def processes():
    print(counts.submit(URL).result())


if __name__ == "__main__":
    copies()
    threads()
    processes()
