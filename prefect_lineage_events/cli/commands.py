"""All commands with the words of their help. The code of a command is imported when it is called."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_lineage_events.cli.deploy_plan import listed

OPERATE = "Operate the assembler"
ASSEMBLE = "Assemble lineage"
STATEMENTS = "Analyse statements"
ASSISTANTS = "Serve assistants"
GROUPS = (ASSEMBLE, OPERATE, STATEMENTS, ASSISTANTS)


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


COMMANDS = (
    Command(
        "assemble",
        "assembling:assemble",
        ASSEMBLE,
        "Assemble the lineage of one flow run, and deliver it.",
        "A run that was assembled before is assembled again; events that a target has are not sent twice.",
        ("assemble 0199c7f0-93d2-7c31-8f0f-2f1f0e6a7b11",),
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
        ("doctor",),
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
        "Show the tables and columns that a SQL statement reads and writes.",
        "Needs no Prefect API: the statement is analysed here, and not executed.",
        ('explain "INSERT INTO a SELECT * FROM b" --dialect snowflake', "explain --file load.sql --json"),
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
)
