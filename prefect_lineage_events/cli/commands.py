"""All commands with the words of their help. The code of a command is imported when it is called."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_lineage_events.cli.deploy_plan import listed

ASK = "Ask the lineage graph"
LISTS = "Look for trouble"
OPERATE = "Operate the assembler"
ASSEMBLE = "Assemble lineage"
STATEMENTS = "Explain"
ASSISTANTS = "Serve assistants and shells"
GROUPS = (ASK, LISTS, ASSEMBLE, OPERATE, STATEMENTS, ASSISTANTS)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, the place of its function (`module:function`), and its help."""

    name: str
    function: str
    group: str
    summary: str
    text: str = ""
    examples: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """The summary, and the text below it."""
        return f"{self.summary}\n\n{self.text}" if self.text else self.summary

    @property
    def epilogue(self) -> str:
        """The examples, each on a line of its own."""
        lines = "\n".join(f"  prefect-lineage {example}" for example in self.examples)
        return f"Examples:\n{lines}" if self.examples else ""


_NAMES = "A name may be short where only one thing has it (`sales`, `mart.sales`, or a URI)."

COMMANDS = (
    Command(
        "show",
        "showing:show",
        ASK,
        "Show a dataset (who writes and reads it, its columns and their origins) or a run.",
        f"{_NAMES} A run by its name, its id, or the address of its page; a flow's name is its newest run.",
        ("show mart.sales", "show crafty-otter", "show mart.sales --as-of yesterday", "show mart.sales --json"),
    ),
    Command(
        "upstream",
        "walking:upstream",
        ASK,
        "Show from which datasets a dataset is made, or from which columns a column.",
        f"Nearest first. {_NAMES}",
        ("upstream mart.sales", "upstream mart.sales.total --hops 2"),
    ),
    Command(
        "downstream",
        "walking:downstream",
        ASK,
        "Show which datasets are made from a dataset, or which columns from a column.",
        f"Nearest first. {_NAMES}",
        ("downstream raw.orders", "downstream raw.orders.amount --since 30d"),
    ),
    Command(
        "path",
        "walking:path",
        ASK,
        "Show how data gets from one dataset to another, with the flows and columns on the way.",
        "A shortest way. Without one, the answer says whether there is one back.",
        ("path raw.orders report.monthly",),
    ),
    Command(
        "impact",
        "walking:impact",
        ASK,
        "Show what breaks or changes if a column is dropped or changed.",
        "VALUES take its values. DECISIONS are rows (JOIN, FILTER, GROUP BY) and columns (CASE) over which it decides. "
        "PERHAPS are datasets made in a way that does not show which columns. Without a column: any column of the "
        "dataset.",
        ("impact raw.orders.amount", "impact raw.orders"),
    ),
    Command(
        "schema",
        "showing:schema",
        ASK,
        "Show the columns of a dataset, and when each was added, dropped or retyped.",
        "As far as runs showed them: a change made outside Prefect appears with the next run that meets it.",
        ("schema mart.sales --since 30d",),
    ),
    Command(
        "runs",
        "listing:runs",
        ASK,
        "List what ran: the runs of a window, what each read and wrote, and what is not known of them.",
        "Newest first. A name keeps only the runs of this flow, or those that touched this dataset.",
        ("runs --since yesterday", "runs mart.sales", "runs nightly --gaps --since 30d"),
    ),
    Command(
        "diff",
        "showing:diff",
        ASK,
        "Show the differences between the lineage of two runs.",
        "Datasets, edges, columns and numbers of rows that only one of them has (- the first, + the second).",
        ("diff crafty-otter jolly-lynx",),
    ),
    Command(
        "search",
        "showing:search",
        ASK,
        "Find datasets, columns and flows by a part of their names.",
        examples=("search amount",),
    ),
    Command(
        "export",
        "exporting:export",
        ASK,
        "Write the graph for other tools: CSV, Mermaid, DOT, one HTML page, or OpenLineage events.",
        "The HTML page needs nothing else: no script, no request. OpenLineage is one event a line, with one job for "
        "each flow; the archive has the events of single tasks (GRANULARITY=task).",
        (
            "export --format html --output lineage.html",
            "export mart.sales --hops 2 --format mermaid",
            "export --format dot | dot -Tsvg > lineage.svg",
            "export --format openlineage --since 30d --output lineage.jsonl",
        ),
    ),
    Command(
        "freshness",
        "showing:freshness",
        LISTS,
        "Show when datasets were last written, and which are late.",
        "Late: the next write is missing for twice the usual time between writes. Only completed runs count.",
        ("freshness mart.sales", "freshness --late"),
    ),
    Command(
        "unused",
        "walking:unused",
        LISTS,
        "List the datasets that are written and that no captured run reads.",
        "Readers outside Prefect are not seen: ask their owners before you drop one.",
        ("unused --since 30d",),
    ),
    Command(
        "conflicts",
        "walking:conflicts",
        LISTS,
        "List the datasets that more than one flow writes.",
        examples=("conflicts --since 30d",),
    ),
    Command(
        "assemble",
        "assembling:assemble",
        ASSEMBLE,
        "Assemble the lineage of one flow run, and deliver it.",
        "A run that was assembled before is assembled again; events that a target has are not sent twice.",
        ("assemble crafty-otter", "assemble 0199c7f0-93d2-7c31-8f0f-2f1f0e6a7b11"),
    ),
    Command(
        "sweep",
        "assembling:sweep",
        ASSEMBLE,
        "Assemble all ended runs that the automation missed.",
        "The deployed assembler does this on a schedule. It is safe at any time, and beside other sweeps.",
        ("sweep",),
    ),
    Command(
        "backfill",
        "assembling:backfill",
        ASSEMBLE,
        "Assemble the runs that ended in a window of time.",
        "By default those that no target has yet. Try it with --dry-run first: it lists each run with its outcome.",
        (
            "backfill --start 2026-11-15T00:00:00Z --end 2026-11-22T00:00:00Z --dry-run",
            "backfill --start 2026-11-15T00:00:00Z --end 2026-11-22T00:00:00Z --flow nightly --target marquez",
        ),
    ),
    Command(
        "status",
        "observing:status",
        OPERATE,
        "Show the lag, the last sweep, waiting, incomplete, rejected and stale runs, and the newest reasons.",
        "A fixed number of requests: it answers in a second or two on a busy server. Exits with 1 if runs have ended "
        "and no assembler takes them. `prefect-lineage doctor` has the remedies.",
        ("status", "status --json"),
    ),
    Command(
        "watch",
        "watching:watch",
        OPERATE,
        "Show lineage events as sentences, as they come, until Ctrl-C.",
        "Begins with the last minute. A lost connection is made again, and what was missed meanwhile is read.",
        ("watch", "watch --flow nightly", "watch --json"),
    ),
    Command(
        "rejected",
        "observing:rejected",
        OPERATE,
        "List the runs of which a target refused events, with its reasons; send them again with --retry.",
        "A refused event is not sent again by itself: the target would refuse it again. Mend the target first.",
        ("rejected", "rejected --retry", "rejected --target marquez --since 30d --json"),
    ),
    Command(
        "replay",
        "replaying:replay",
        ASSEMBLE,
        "Send the events of an archive or of JSON-lines files to a backend.",
        "Needs no Prefect API. Each event is sent once; a replay that was stopped goes on when it is repeated.",
        (
            "replay lineage.jsonl --to http://marquez:5000",
            "replay s3://archive/lineage --to http://marquez:5000 --dry-run",
        ),
    ),
    Command(
        "deploy",
        "deploying:deploy",
        OPERATE,
        "Create or update the deployments and the automations.",
        "Safe to repeat: each automation is made once. One that a person edited is shown, and replaced on demand "
        "(exit code 1 where it was left). Without a work pool, `prefect-lineage serve` runs what is deployed."
        f"\n\n{listed()}",
        (
            "deploy",
            "deploy --work-pool containers --image registry.example/lineage:1.0",
            "deploy --with schema-changed --with lineage-rejected --notify slack-webhook/ops",
            "deploy --with table-written --table 'postgres://db:5432/shop/public/*' --run report/nightly",
            "deploy --dry-run",
        ),
    ),
    Command(
        "serve",
        "deploying:serve",
        OPERATE,
        "Deploy, and run the assembler in this process until it is stopped.",
        "The configuration of the OpenLineage client in this process selects the targets.",
        ("serve", "serve --limit 8 --sweep-minutes 2"),
    ),
    Command(
        "undeploy",
        "deploying:undeploy",
        OPERATE,
        "Delete the deployments and the automations, and keep the blocks and all lineage.",
        examples=("undeploy",),
    ),
    Command(
        "doctor",
        "checking:doctor",
        OPERATE,
        "Check the installation, and print findings with their remedies.",
        "Exits with 1 if there is a finding.",
        ("doctor", "doctor --json"),
    ),
    Command(
        "register",
        "deploying:register",
        OPERATE,
        "Register the lineage blocks with the Prefect API.",
        examples=("register",),
    ),
    Command(
        "convert",
        "deploying:convert",
        OPERATE,
        "Save a copy of a plain connector's block document as a lineage block.",
        "The plain document is unchanged.",
        ("convert sqlalchemy-connector/warehouse",),
    ),
    Command(
        "explain",
        "explaining:explain",
        STATEMENTS,
        "Show how each edge of a run is known and what was not understood; or what a SQL statement reads and writes.",
        "A statement is analysed here, and not executed. A text that is none is looked up in Prefect: a run's name, id "
        "or page's address, or a flow's name for its newest run.",
        (
            "explain crafty-otter",
            'explain "INSERT INTO a SELECT * FROM b" --dialect snowflake',
            "explain --file load.sql --json",
        ),
    ),
    Command(
        "mcp",
        "assisting:mcp",
        ASSISTANTS,
        "Offer the lineage graph to assistants, as read-only tools of an MCP server.",
        "An assistant starts this command itself, and talks to it over standard input and output. With --http it "
        "serves assistants on this machine at http://127.0.0.1:PORT/mcp. Needs the extra `mcp`.",
        ("mcp", "mcp --http --port 8300 --days 7"),
    ),
    Command(
        "completion",
        "completing:completion",
        ASSISTANTS,
        "Print the script that completes commands and options in your shell.",
        "For one session: source <(prefect-lineage completion bash). For all: write it where your shell looks. Names "
        "of tables, runs and flows do not complete: `prefect-lineage search WORD` finds them.",
        ("completion bash > ~/.local/share/bash-completion/completions/prefect-lineage", "completion zsh"),
    ),
)
