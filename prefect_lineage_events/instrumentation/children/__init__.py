"""Processes that a flow starts: lineage that they send themselves hangs under the run."""

from __future__ import annotations

from typing import Any

from prefect_lineage_events.instrumentation.children import processes
from prefect_lineage_events.instrumentation.library import Library


def _needs_no_patch(_: Any) -> None:
    """Do nothing: the library works through others that are captured."""


LIBRARIES: tuple[Library, ...] = (
    Library(
        "children",
        "subprocess",
        processes.patch,
        package="subprocess",
        captured="`OPENLINEAGE_CONTEXT` and the parent variables in the environment of each process that a run starts, "
        "also by asyncio and anyio: lineage that dbt-ol or Spark send themselves hangs under the run",
        not_captured="the work of the child process itself: programs of data (psql, aws, dbt, ...) and scripts "
        "(`python load.py`) are named as not captured; `os.spawn`",
        tests=("tests/instrumentation/children/test_processes.py",),
        against="child processes, dbt-ol on DuckDB",
    ),
    Library(
        "children",
        "os",
        processes.patch_os,
        package="os",
        captured="programs and scripts that `os.system` runs, as not captured",
        not_captured="the work of the child process itself, and variables for it: it has the environment of the flow",
        tests=("tests/instrumentation/children/test_programs.py",),
        against="child processes",
    ),
    Library(
        "children",
        "prefect_shell.commands",
        _needs_no_patch,
        package="prefect-shell",
        captured="the same for `ShellOperation` and `shell_run_command`",
        not_captured="as for `subprocess`",
        tests=("tests/instrumentation/children/test_processes.py",),
        against="child processes",
    ),
    Library(
        "children",
        "dbt.cli.main",
        _needs_no_patch,
        package="dbt-core",
        captured="its statements, by the family `databases`, where it runs in the flow's process (`dbtRunner`, "
        "prefect-dbt); the assets of prefect-dbt are merged with them; dbt-ol in its own process hangs under the run",
        not_captured="`dbt` as a process of its own, which is named as not captured",
        tests=("tests/flows/dbt_started.py",),
        against="dbt on DuckDB and PostgreSQL",
    ),
    Library(
        "children",
        "dlt",
        _needs_no_patch,
        package="dlt",
        captured="its statements, by the family `databases`; rows that it copies are joined by columns and number",
        not_captured="sources that are no databases, files or endpoints; the sources of nested rows",
        tests=("tests/flows/dlt_copied.py",),
        against="dlt from SQLite to DuckDB",
    ),
)
