"""Write `docs/reference/limits.md` from the constants and defaults of the code. python docs/make_limits_page.py"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from prefect_lineage_events.settings import LineageSettings

PAGE = Path(__file__).resolve().parent / "reference" / "limits.md"

HEAD = """\
# Limits

<!-- Written by docs/make_limits_page.py from constants and defaults of the code: change those, then run it again. -->

All work of lineage is bounded. This page has the bounds, and the consequence of each. What is lost at a bound is
counted, and the run says so: [completeness](../explanation/completeness.md). Names in capitals are [settings](../settings.md). What is
measured (time, memory, load) is in the [README](../../README.md#what-it-costs) and in [load](../sizing.md).
"""

# Title, and rows: the limit, its number (a constant as `module:NAME`, or a setting), and the consequence.
SECTIONS: dict[str, list[tuple[str, str, str]]] = {
    "In the flow's process": [
        ("notes that wait for our thread", "QUEUE_SIZE", "further ones are dropped and counted"),
        ("seconds that the end of a process waits until events are sent", "DRAIN_TIMEOUT", "the rest is counted as lost"),
        ("characters of a statement's text in an event", "SQL_TEXT_LIMIT", "the text is cut; its tables are not"),
        ("tokens of one statement that are parsed", "sql.tables.parser:MAX_TOKENS", "tables are recovered from a longer one by its keywords; no columns"),
        ("tokens of one text with statements", "sql.lexer:MAX_TOKENS", "the rest is `partial`"),
        ("nesting of a statement", "sql.tables.parser:MAX_DEPTH", "recovered by its keywords"),
        ("related datasets of an event", "events:MAX_RELATED_DATASETS", "the statement becomes several events with one id"),
        ("columns of a dataset in an event", "emission.limits:MAX_COLUMNS", "further ones are left out, and the statement is `partial`"),
        ("column edges of an event", "emission.limits:MAX_EDGES", "further ones are left out, and the statement is `partial`"),
        ("bytes of an event", "emission.limits:MAX_BYTES", "the text is cut, then all columns are left out; the statement is `partial`"),
        ("events that wait while the API is away", "emission.exporter:_MAX_EVENTS", "further ones are lost and counted, and so are those beyond 32 MB"),
        ("statements of an open transaction", "emission.transaction_processor:_MAX_HELD", "further ones are counted as lost"),
        ("named parts (partitions, files) of a dataset", "emission.pending:MAX_SUBSET", "more count as the whole dataset"),
        ("rows of a read that are sampled, to recognise them in a write", "emission.row_samples:MAX_ROWS_READ", "a longer read is recognised by its sample, or by other evidence"),
        ("columns of a sampled row", "emission.row_samples:MAX_COLUMNS", "further ones are not compared"),
        ("tasks of a run whose definitions are sent", "emission.definitions_sent:_MAX_TASKS", "the jobs of further ones have no description and no location"),
        ("characters of the descriptions of a run's tasks", "emission.definitions_sent:_MAX_LENGTH", "further ones are left out"),
    ],
    "In the assembler": [
        ("events of one run", "history.event_log:MAX_EVENTS", "the rest is not read; the run is incomplete"),
        ("columns and edges of one run's events", "history.event_log:MAX_VALUES", "the rest is not read; the run is incomplete"),
        ("subflows whose rows are followed, for each run", "history.related_runs:MAX_SUBFLOWS", "the sources of rows from further ones are unknown"),
        ("levels of subflows whose rows are followed", "history.related_runs:MAX_LEVELS", "the sources of rows from beyond are unknown"),
        ("seconds of waiting for events that were counted", "COMPLETENESS_TIMEOUT", "the sweep tries again"),
        ("hours in which the sweep tries again", "INCOMPLETE_HOURS", "the run stays incomplete"),
        ("pages of datasets that one run changes", "DATASET_PAGES", "its page states how many were left out"),
    ],
    "The warehouse as witness": [
        ("minutes after a run's end until the first question", "assembler.witness.collect:FIRST_AFTER", "the run was sent before, with what its texts say"),
        ("minutes between two questions about a run", "assembler.witness.collect:ASK_AGAIN", "a sweep between them leaves the run alone"),
        ("hours after a run's end until it is given up", "assembler.witness.collect:GIVE_UP", "its page says that the warehouse said nothing"),
        ("days after a run's end until it is given up, if the history could never be read", "assembler.witness.collect:GIVE_UP_UNREAD", "the same"),
        ("runs that one sweep asks about", "assembler.witness.collect:MAX_RUNS", "the next sweep asks about further ones"),
        ("queries of one sweep", "assembler.witness.warehouse:MAX_QUERIES", "the next sweep asks the rest"),
        ("query ids in one query", "assembler.witness.warehouse:IDS_A_QUERY", "several queries are sent"),
        ("seconds of one query", "assembler.witness.warehouse:_SECONDS", "it is cancelled, and the next sweep asks again"),
        ("rows of one query", "assembler.witness.warehouse:MAX_ROWS", "it is asked again for half of its ids; a statement that has more alone stays `partial`"),
        ("statements that one CALL ran", "history.witnessed:MAX_STATEMENTS", "further ones are left out, and the CALL stays `partial`"),
        ("datasets of one statement", "history.witnessed:MAX_DATASETS", "further ones are left out, and it stays `partial`"),
        ("column edges of one statement", "history.witnessed:MAX_COLUMNS", "further ones are left out, and it stays `partial`"),
    ],
    "In OpenLineage events": [
        ("characters of the `sql` facet", "openlineage.job_facets:MAX_SQL", "cut"),
        ("query ids in the `prefect_run` facet", "openlineage.run_facets:MAX_QUERIES", "the first ones are there"),
        ("outputs with unknown sources in the `prefect_run` facet", "openlineage.run_facets:MAX_UNKNOWN", "the first ones are there"),
        ("errors of statements (`extractionError`)", "openlineage.run_facets:MAX_ERRORS", "the number of all is there"),
    ],
    "In the lineage graph": [
        ("runs in a window of time", "graph.listing:MAX_RUNS", "the newest are there, and the answer says so"),
        ("datasets or columns that one walk reaches", "graph.walks:MAX_REACHED", "the nearest are there, and the answer says so"),
        ("datasets drawn on a page of HTML", "graph.page:MAX_DRAWN", "the best connected are drawn; all are listed"),
        ("runs in flight that are shown", "graph.loading:MAX_IN_FLIGHT", "the newest are shown"),
    ],
}  # fmt: skip

FOOT = """
## Of others
| limit | number | consequence |
|---|---|---|
| events that Prefect's server stores in a second, on SQLite | 100-200 (measured) | beyond its queue of 10,000 it loses events silently; our numbers show which are missing |
| retention of Prefect's events | 7 days by default | a [backfill](../backfill.md) reaches as far; an [archive](../archive.md) further |
| Marquez: bytes of a job's name, of a dataset's | 1,200, 2,600 | longer names are cut, with a digest |
| Marquez: an event with 1,500 column edges | 8-24 s (measured) | a request may take 60 s |
"""


def page() -> str:
    return HEAD + "".join(_sections()) + FOOT


def _sections() -> Iterator[str]:
    for title, rows in SECTIONS.items():
        yield f"\n## {title}\n| limit | number | beyond it |\n|---|---|---|\n"
        yield from (f"| {what} | {number(what, where)} | {consequence} |\n" for what, where, consequence in rows)


def number(what: str, where: str) -> str:
    """The value of a constant or of a setting's default, for people: a time in the unit that its row begins with."""
    if ":" not in where:
        value, name = LineageSettings.model_fields[where.lower()].default, f" (`{where}`)"
    else:
        module, _, constant = where.partition(":")
        value, name = getattr(import_module(f"prefect_lineage_events.{module}"), constant), ""
    if isinstance(value, dt.timedelta):
        value = value / dt.timedelta(**{what.split(maxsplit=1)[0]: 1})
    return f"{value:,g}{name}" if isinstance(value, float) else f"{value:,}{name}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
