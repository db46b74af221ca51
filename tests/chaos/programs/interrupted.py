"""A real flow that writes, waits for a line on its standard input, and writes again.

python -m tests.chaos.programs.interrupted DIRECTORY

Prints the flow run's id before it waits.
"""

from __future__ import annotations

import sys

from prefect import flow
from prefect.runtime import flow_run

from tests.chaos.programs.estate import make_table


@flow
def interrupted(directory: str) -> None:
    make_table(directory, "before")
    print(flow_run.id, flush=True)
    sys.stdin.readline()
    make_table(directory, "after")


if __name__ == "__main__":
    interrupted(sys.argv[1])
