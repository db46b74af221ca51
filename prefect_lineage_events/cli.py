"""The command line: `prefect-lineage`.

Exit codes: 0 for success, 1 for a failure (the message gives a remedy) or a finding of `doctor`, 2 for wrong arguments,
3 for success when a target refused events. Wrong input is found before a flow starts, so a mistyped name gives one
line, and no failed flow run with a traceback.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from prefect_lineage_events import __version__
from prefect_lineage_events.escaping import line

Command = Callable[[argparse.Namespace], int]

# Maximum of minutes, seconds or runs: the server cannot represent times beyond it.
_MAX_VALUE = 1_000_000
_MAX_LINE = 4_000
# Exit code of a successful command when a target refused events. Another attempt does not help: a person must act.
_REFUSED = 3


class CommandError(Exception):
    """The command failed; the message gives the reason and the remedy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        if command not in _WITHOUT_API:
            _require_api_address()
        return command(options)
    except CommandError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        logging.getLogger(__name__).debug("The command failed", exc_info=True)
        return _fail(_explain(error)) if _is_api_error(error) else _fail(str(error), code=2)


def _assemble(options: argparse.Namespace) -> int:
    from prefect_lineage_events.assembler.options import AssemblyResult
    from prefect_lineage_events.flows import assemble
    from prefect_lineage_events.history.reader import parse_run_id

    run_id = parse_run_id(options.run)
    _require_reachable_api()
    _existing_run(run_id)
    _require_targets()
    assembled = assemble(flow_run_id=run_id)
    print(assembled)
    return _REFUSED if isinstance(assembled, AssemblyResult) and assembled.rejected else 0


def _sweep(options: argparse.Namespace) -> int:
    from prefect_lineage_events.flows import sweep

    _require_reachable_api()
    _require_targets()
    summary = sweep()
    print(summary)
    return _REFUSED if summary.refused else 0


def _backfill(options: argparse.Namespace) -> int:
    from prefect import get_client

    from prefect_lineage_events.assembler.backfill import parse_window, require_flows
    from prefect_lineage_events.delivery.targets import targets
    from prefect_lineage_events.flows import backfill

    window = parse_window(options.start, options.end)
    targets(options.target)
    _require_reachable_api()
    with get_client(sync_client=True) as client:
        require_flows(client, options.flow)
    if not options.dry_run:
        _require_targets(options.target)
    summary = backfill(
        start=window.start,
        end=window.end,
        flows=options.flow,
        targets=options.target,
        reanalyse=options.reanalyse,
        dry_run=options.dry_run,
        force=options.force,
    )
    print(summary)
    for run_id, flow_name, outcome in summary.outcomes() if options.dry_run else ():
        print(line(f"  {run_id}  {flow_name}  {outcome}", _MAX_LINE))
    return _REFUSED if summary.refused else 0


def _deploy(options: argparse.Namespace) -> int:
    from prefect_lineage_events import deploy

    deploy.check_image(options.image, options.work_pool)
    _require_reachable_api()
    if options.print_automation:
        print(deploy.automation_yaml(deploy.registered_assembler()), end="")
        return 0
    deployed = deploy.deploy(
        work_pool=options.work_pool,
        image=options.image,
        sweep_minutes=options.sweep_minutes,
        settle=options.settle,
        progress=_progress,
    )
    print(deployed)
    return 0


def _undeploy(options: argparse.Namespace) -> int:
    from prefect_lineage_events import deploy

    _require_reachable_api()
    _progress("deleting the deployments and the automation")
    print("\n".join(f"deleted {one}" for one in deploy.undeploy()) or "nothing was deployed")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from prefect_lineage_events import deploy

    _require_reachable_api(patiently=True)
    deploy.serve(
        sweep_minutes=options.sweep_minutes,
        settle=options.settle,
        limit=options.limit,
        poll_seconds=options.poll_seconds,
    )
    return 0


def _register(options: argparse.Namespace) -> int:
    from prefect_lineage_events import deploy

    _require_reachable_api()
    _progress("registering the lineage blocks")
    print("blocks registered: " + (", ".join(deploy.register_blocks()) or "none (no connector is installed)"))
    return 0


def _progress(step: str) -> None:
    """Report a step that may take seconds. Standard output is kept for results."""
    print(f"{step} ...", file=sys.stderr, flush=True)


def _convert(options: argparse.Namespace) -> int:
    from prefect_lineage_events.blocks.documents import convert

    _require_reachable_api()
    try:
        saved = convert(options.document, overwrite=options.overwrite)
    except ValueError as error:
        raise ValueError(f"{error} (`prefect block ls` lists the documents)") from error
    print(f"saved as {saved}; {options.document} is unchanged")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from prefect_lineage_events.doctor import examine

    findings = examine()
    for finding in findings:
        print(finding)
    return 0 if all(f.ok for f in findings) else 1


def _explain_sql(options: argparse.Namespace) -> int:
    from prefect_lineage_events.sql import explain

    text = _sql_text(options)
    found = explain(text, options.dialect, database=options.database, schema=options.schema, as_json=options.json)
    # Names in a statement may contain control sequences of a terminal.
    print("\n".join(line(one, len(one)) for one in found.split("\n")))
    return 0


def _sql_text(options: argparse.Namespace) -> str:
    """The statement from the arguments, a file, or standard input (`-`)."""
    if options.file:
        try:
            return Path(options.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {options.file}: {error}") from error
    if options.sql == "-" or (options.sql is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if options.sql is None:
        raise CommandError('give a statement, as in: prefect-lineage explain "SELECT 1", or a file with --file')
    return str(options.sql)


def _existing_run(run_id: UUID) -> None:
    from prefect import get_client

    from prefect_lineage_events.history.runs import read_run

    with get_client(sync_client=True) as client:
        read_run(client, run_id)


def _require_api_address() -> None:
    """Raise if no API is configured. Each Prefect process would then start a server of its own, without any runs."""
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise CommandError(
            "PREFECT_API_URL is not set: set it, or `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )


def _require_reachable_api(patiently: bool = False) -> None:
    """Raise if the API does not respond. A flow would try for minutes, and then print a traceback of Prefect's.

    `patiently`: retry as often as Prefect's client does by default.
    """
    from prefect import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from prefect_lineage_events.api_errors import check_version

    tries = {} if patiently else {PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(tries), get_client(sync_client=True) as client:
        check_version(client)


def _require_targets(names: Sequence[str] | None = None) -> None:
    """Raise if a target cannot be opened. From then on, expected errors are logged without a traceback."""
    from prefect_lineage_events.delivery.deliver import TransientDeliveryError, open_once
    from prefect_lineage_events.delivery.targets import targets

    for target in targets(names):
        try:
            open_once(target)
        except TransientDeliveryError as error:
            raise CommandError(
                f"target {target}: {error} -> see OPENLINEAGE_URL, or `prefect-lineage doctor`"
            ) from error
    logging.getLogger("prefect.flow_runs").addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let Prefect log our own errors in one line: a traceback through our code does not help a user."""
    from prefect_lineage_events.assembler.lease import BusyError
    from prefect_lineage_events.assembler.summary import SweepError
    from prefect_lineage_events.delivery.deliver import TransientDeliveryError

    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if isinstance(error, BusyError | SweepError | TransientDeliveryError):
        record.exc_info = record.exc_text = None
    return True


def _fail(message: str, code: int = 1) -> int:
    shown = "\n".join(line(one, _MAX_LINE) for one in message.split("\n"))
    print(f"prefect-lineage: {shown}", file=sys.stderr)
    return code


def _is_api_error(error: Exception) -> bool:
    """Does the error come from the API, and not from the arguments? Unreadable responses raise ValueErrors too."""
    from pydantic import ValidationError

    return not isinstance(error, ValueError) or isinstance(error, json.JSONDecodeError | ValidationError)


def _explain(error: Exception) -> str:
    try:
        from prefect_lineage_events.api_errors import explain

        return explain(error)
    except ValueError as unreadable:
        # The import of Prefect reads its settings.
        reason = " ".join(str(unreadable).split())
        return f"Prefect's settings cannot be read: {reason} -> check the PREFECT_ variables and the profile"


_WITHOUT_API = (_explain_sql, _doctor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prefect-lineage",
        description="Data lineage for Prefect: assemble OpenLineage events from the history of flow runs.",
        epilog="PREFECT_API_URL or the active profile selects the Prefect API. The configuration of the OpenLineage "
        "client (OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__*, openlineage.yml) selects the targets of events; without "
        "one, events go to a local file. Exit codes: 0 success; 1 failure, or a finding of doctor; 2 wrong arguments; "
        "3 success, but a target refused events: the run's page lists the reasons.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    add = _adder(commands)
    run = add("assemble", _assemble, "assemble the lineage of one flow run, and deliver it")
    run.add_argument("run", metavar="RUN", help="the flow run's id")

    add("sweep", _sweep, "assemble all ended runs that the automation missed")

    window = add("backfill", _backfill, "assemble the runs that ended in a window of time")
    window.add_argument("--start", required=True, metavar="TIME", help="ISO time with zone: 2026-01-31T06:00:00+00:00")
    window.add_argument("--end", required=True, metavar="TIME", help="ISO time with zone, not before the start")
    window.add_argument("--flow", action="append", metavar="NAME", help="only runs of this flow (repeatable)")
    window.add_argument("--target", action="append", metavar="ID", help="send runs that this target lacks (repeatable)")
    window.add_argument("--reanalyse", action="store_true", help="analyse stored statements again with this version")
    window.add_argument("--dry-run", action="store_true", help="send nothing, and list each run with its outcome")
    window.add_argument("--force", action="store_true", help="send events again that were already sent")

    deploy = add("deploy", _deploy, "create or update the deployments and the automation")
    deploy.add_argument(
        "--work-pool",
        metavar="NAME",
        help="work pool that runs the assembler (default: `prefect-lineage serve` runs it)",
    )
    deploy.add_argument("--image", metavar="NAME", help="image with this package, for a container work pool")
    deploy.add_argument("--print-automation", action="store_true", help="print the automation, and change nothing")
    serve = add("serve", _serve, "deploy, and run the assembler in this process until it is stopped")
    serve.add_argument(
        "--limit", type=_positive(int), default=4, metavar="N", help="maximum number of runs at a time (default 4)"
    )
    serve.add_argument(
        "--poll-seconds",
        type=_positive(float),
        default=2.0,
        metavar="S",
        help="seconds between two polls for scheduled runs (default 2)",
    )
    for command in (deploy, serve):
        command.add_argument(
            "--sweep-minutes",
            type=_positive(float),
            metavar="M",
            help="minutes between sweeps (default: as deployed, at first 5)",
        )
        command.add_argument(
            "--settle",
            type=_positive(float),
            metavar="S",
            help="seconds from the end of a run to its assembly (default: as deployed, at first 20)",
        )

    add("undeploy", _undeploy, "delete the deployments and the automation, and keep the blocks and all lineage")
    add("register", _register, "register the lineage blocks with the Prefect API")
    convert = add("convert", _convert, "save a copy of a plain connector's block document as a lineage block")
    convert.add_argument("document", metavar="TYPE/NAME", help="the document, such as sqlalchemy-connector/warehouse")
    convert.add_argument("--overwrite", action="store_true", help="replace a lineage block document of that name")
    add("doctor", _doctor, "check the installation, and print findings with their remedies")

    explain = add("explain", _explain_sql, "show the tables and columns that a SQL statement reads and writes")
    explain.add_argument("sql", nargs="?", metavar="SQL", help="the statement, or - for standard input")
    explain.add_argument("--file", metavar="PATH", help="read the statements from a file")
    explain.add_argument("--dialect", default="snowflake", metavar="NAME", help="SQL dialect (default snowflake)")
    explain.add_argument("--database", metavar="NAME", help="database for names without one")
    explain.add_argument("--schema", metavar="NAME", help="schema for names without one")
    explain.add_argument("--json", action="store_true", help="print JSON instead of a tree")
    return parser


def _adder(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> Callable[[str, Command, str], argparse.ArgumentParser]:
    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser.set_defaults(command=command)
        return parser

    return add


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        # Python parses `nan` and `inf` as numbers, but they are no durations.
        if not 0 < value <= _MAX_VALUE:
            raise argparse.ArgumentTypeError(f"{text!r} is no positive number up to {_MAX_VALUE:,}")
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
