"""`sys.exit` in a task, with a message."""

import sys

from kit import Connector
from prefect import flow, task


@task
def exits():
    with Connector(connection_info="sqlite:///exit.db") as database:
        database.execute("CREATE TABLE t (a)")
        sys.exit("enough")


@flow
def calls():
    exits()


calls()
