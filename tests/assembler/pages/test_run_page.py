"""The page of a run: complete, bounded, and intact with any name."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from prefect_lineage_events.assembler.ledger import DeliveryState
from prefect_lineage_events.assembler.pages.column_table import MAX_EDGES
from prefect_lineage_events.assembler.pages.run_page import markdown
from prefect_lineage_events.assembler.pages.use_tables import MAX_DATASETS, MAX_NAMESPACES
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.history.model import Completeness, FlowRun, RejectedEvent
from prefect_lineage_events.stitching.model import (
    Bundle,
    Column,
    ColumnEdge,
    DatasetUse,
    Edge,
    Lineage,
    RunLineage,
    StatementSummary,
    UnknownSource,
)
from tests.test_escaping import HOSTILE

ORDERS, REPORT = Dataset("postgres://db:5432", "shop.orders"), Dataset("postgres://db:5432", "shop.report")
# An address of ours holds nothing that could end it.
OWN_LINKS = (
    r"\[events\]\(\.\./\.\./events\?[\w.~%=&-]+\)|!\[[\w ]+\]\(data:image/svg\+xml;base64,[\w+/=]+\)"
    r"|(?<!\\)\[(?:\\.|[^\\\[\]<]|<(?![A-Za-z/!?]))*\]\(\.\./\.\./(?:artifacts/key|runs/flow-run|runs/task-run)/[a-z0-9-]+\)"
)
RUN = FlowRun(uuid4(), "busy-bee", uuid4(), "nightly", "COMPLETED")


def lineage(**more) -> Lineage:
    return Lineage(
        **{
            "inputs": (DatasetUse(ORDERS),),
            "outputs": (DatasetUse(REPORT, rows=12345, lifecycle="OVERWRITE"),),
            "edges": (Edge(ORDERS, REPORT),),
            "columns": (ColumnEdge(ORDERS, "amount", REPORT, "total", "AGGREGATION"),),
            **more,
        }
    )


def text(**more) -> str:
    return markdown(RunLineage(RUN, lineage(**more)))


def test_graph_tables_rows_and_columns_are_shown():
    shown = text()
    assert "![Graph of the datasets of this run](data:image/svg+xml;base64," in shown
    assert "In `postgres://db:5432`.\n\n| Dataset | Events |\n| --- | --- |\n| `shop.orders` |" in shown
    assert "| `shop.report` | 12,345 | overwritten |" in shown
    assert (
        "### `shop.report`\n\n| Column | From |\n| --- | --- |\n| `total` | `shop.orders.amount` (aggregated) |"
        in shown
    )


@pytest.mark.parametrize(
    ("files", "size", "shown"),
    [
        (1, 999, "1 file, 999 B"),
        (10_000, 3_400_000, "10,000 files, 3.4 MB"),
        (None, 1000, "1.0 kB"),
        (2, None, "2 files"),
        (0, 0, "0 files, 0 B"),
        (None, 999_950, "1.0 MB"),
        (None, 10**16, "10,000.0 TB"),
    ],
)
def test_files_and_bytes_are_shown_where_they_are_known(files, size, shown):
    page = text(outputs=(DatasetUse(REPORT, rows=5, files=files, size=size), DatasetUse(ORDERS)))
    assert "| Rows | Size |" in page
    assert f"| 5 | {shown} |" in page
    assert "Size" not in text()


def test_bundled_edges_are_counted():
    bundle = Bundle(None, ((ORDERS, "same task"), (REPORT, "same task")), (ORDERS, REPORT, REPORT))
    assert "6 edges are not drawn: in one task," in text(bundles=(bundle,))
    assert "12 edges are not drawn: in 2 tasks," in text(bundles=(bundle, bundle))
    assert "not drawn" not in text()


def test_inferred_column_edges_are_marked():
    inferred = text(columns=(ColumnEdge(ORDERS, "id", REPORT, "id", "TRANSFORMATION", inferred=True),))
    assert "| `id` | `shop.orders.id` (inferred) |" in inferred
    assert "*Inferred*: only the names of the columns are the same" in inferred
    assert "*Inferred*" not in text()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("TRANSFORMATION", "computed"), ("CONDITIONAL", "decides the value"), ("NEW_KIND", "`new_kind`")],
)
def test_transformations_are_described(kind, words):
    assert f"({words})" in text(columns=(ColumnEdge(ORDERS, "id", REPORT, "id", kind),))


def test_outputs_with_unknown_sources_list_candidates():
    reported = text(unknown=(UnknownSource(REPORT, "unknown", (ORDERS,)),))
    assert "## Source unknown" in reported
    assert "- `shop.report`: source unknown. Python wrote the rows; " in reported
    assert "certain. Perhaps from: `shop.orders`." in reported
    columns = text(unknown=(UnknownSource(REPORT, "known", columns=("total",)),))
    assert "- `shop.report`: Python wrote these columns, " in columns
    assert "Columns without a source: `total`." in columns
    assert "Source unknown" not in text()


def test_complete_run_has_no_section_on_completeness():
    assert "Incomplete" not in text()


def test_missing_events_are_shown():
    short, open_ = uuid4(), uuid4()
    missing = Completeness(missing={short: (1, 2)}, unclosed=(open_,), dropped=7)
    shown = markdown(RunLineage(RUN, lineage(), completeness=missing))
    assert "2 lineage events have not arrived" in shown
    assert "1 process of the run reported no end" in shown
    assert "7 statements were dropped" in shown
    assert f"- emitter {short}: events 1-2" in shown
    assert f"- emitter {open_}: its closing count" in shown


def test_a_refusal_is_shown_with_its_reason():
    refused = DeliveryState("http http://marquez:5000", "d", 2, 2, rejected=1, reasons=("422 blank name",))
    shown = markdown(RunLineage(RUN, lineage()), {"marquez": refused})
    assert "## Refused by marquez\n\n- 422 blank name" in shown


def test_targets_are_shown_by_name():
    sent = {
        "marquez": DeliveryState("http x", "d", 2, 3, rejected=1),
        "out.jsonl": DeliveryState("file /x/out.jsonl", "d", 3, 3),
    }
    shown = markdown(RunLineage(RUN, lineage()), sent)
    assert "| `marquez` | 1 | 1 | 1 |" in shown
    assert "| `out.jsonl` | 3 | 0 | 0 |" in shown


def test_reasons_of_partial_statements_are_shown_once():
    partial = StatementSummary("?", "duckdb", confidence="partial", reason="unknown syntax")
    assert text(statements=(partial, partial)).count("unknown syntax") == 1


def test_page_of_a_run_without_lineage_states_that():
    shown = markdown(RunLineage(RUN, Lineage(), descendants_have_lineage=True))
    assert "runs below it did" in shown
    assert "svg" not in shown


def test_schema_changes_are_listed():
    shown = markdown(RunLineage(RUN, lineage(), schema_changes={REPORT: "column total: integer, now text"}))
    assert "- `shop.report`: column total: integer, now text" in shown


def test_columns_stand_in_the_order_of_their_table():
    names = ("zone", "amount", "id")
    report = DatasetUse(REPORT, columns=tuple(Column(name) for name in names))
    edges = tuple(sorted(ColumnEdge(ORDERS, name, REPORT, name) for name in (*names, "*")))
    shown = text(outputs=(report,), columns=edges)
    assert re.findall(r"\| `(\S+)` \| `shop\.orders", shown) == ["zone", "amount", "id"]
    assert shown.index("| all rows |") > shown.index("| `id` |")


def test_each_source_of_a_column_has_a_row():
    edges = tuple(ColumnEdge(ORDERS, name, REPORT, "total") for name in ("net", "tax"))
    assert "| `total` | `shop.orders.net` |\n|  | `shop.orders.tax` |" in text(columns=edges)


def test_each_namespace_has_a_table_and_of_many_each_dataset_names_its_own():
    def many(number: int) -> str:
        return text(inputs=tuple(DatasetUse(Dataset(f"s3://b{n}", "x")) for n in range(number)), outputs=())

    assert many(3).count("| Dataset | Events |") == 3
    assert "In `s3://b2`." in many(3)
    assert many(MAX_NAMESPACES + 1).count("| Dataset | Where | Events |") == 1


def test_no_row_of_a_table_is_too_wide_for_the_interface_that_breaks_no_lines():
    """Links count by their texts. The tables of a page of ordinary names stay below its width."""
    path = Dataset("file", "/srv/data/warehouse/incoming/2026/partners/orders-of-the-day.csv")
    statement = StatementSummary(
        "INSERT INTO t SELECT * FROM u " * 20, "duckdb", "write", inputs=(path, ORDERS), outputs=(REPORT,), rows=123_456,
        duration=61.0, executions=12,
    )  # fmt: skip
    edges = tuple(ColumnEdge(path, "estimated_delivery", REPORT, name, "GROUP_BY") for name in ("total", "*"))
    shown = text(
        inputs=(DatasetUse(path, "file", rows=336_776, files=1, size=31_000_000), DatasetUse(ORDERS, rows=5)),
        columns=edges,
        statements=(statement,) * 3,
        unknown=(UnknownSource(REPORT, "known", columns=tuple(f"column_{n}" for n in range(20))),),
    )
    rows = [re.sub(r"\]\([^)]*\)|[`\[\]]|\\", "", line) for line in shown.split("\n") if line.startswith("|")]
    assert rows
    assert max(map(len, rows)) <= 110


def test_each_dataset_links_to_its_events_in_the_form_of_both_interfaces():
    odd = Dataset("file", "/a b/c)&resource=x.csv")
    links = re.findall(r"\[events\]\((\S+)\) \|", text(inputs=(DatasetUse(odd),), outputs=()))
    (address,) = [urlsplit(link) for link in links]
    assert address.path == "../../events"
    assert parse_qs(address.query) == {"resource": [odd.uri, odd.uri]}


def test_names_break_neither_table_nor_code():
    odd = Dataset("file", "a|b`c\nd")
    shown = text(inputs=(DatasetUse(odd),))
    assert "| `a\\|b'c\\nd` |" in shown


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_have_no_effect_in_the_report(hostile):
    name = hostile if hostile.strip() else "x"
    odd = Dataset(f"s3://{name}", name)
    use = DatasetUse(odd, kind=hostile, renamed_from=odd, lifecycle="RENAME")
    summary = StatementSummary(None, "", confidence="partial", reason=hostile)
    found = RunLineage(
        replace(RUN, flow_name=hostile, name=hostile),
        lineage(
            inputs=(use,),
            outputs=(use,),
            edges=(Edge(odd, REPORT),),
            columns=(ColumnEdge(odd, hostile, odd, hostile, hostile),),
            statements=(summary,),
        ),
        completeness=Completeness(rejected=(RejectedEvent(hostile, hostile, hostile),)),
        schema_changes={odd: hostile},
    )
    shown = markdown(found, {hostile: DeliveryState("t", "d", 1, 2, 1, reasons=(hostile,))})
    assert all(c.isprintable() for line in shown.split("\n") for c in line.replace("\u2060", ""))
    for line in shown.split("\n"):
        outside_code = re.sub(r"`[^`]*`|" + OWN_LINKS, "", line)
        assert not re.search(r"(?<!\\)[<\[]|://|\bwww\.", outside_code), line
        if line.startswith("|"):
            bars = re.findall(r"(?<!\\)(?:\\\\)*\|", line)
            assert len(bars) in range(3, 11), line


def test_excess_is_counted():
    many = tuple(DatasetUse(Dataset("s3://b", f"k{n}")) for n in range(MAX_DATASETS + 5))
    columns = tuple(ColumnEdge(ORDERS, "a", REPORT, f"c{n}") for n in range(MAX_EDGES + 7))
    shown = text(inputs=many, columns=columns)
    assert "... and 5 more datasets." in shown
    assert "... and 7 more column edges." in shown
    assert len(shown) < 100_000


def test_libraries_that_are_not_captured_are_named():
    run = RunLineage(RUN, lineage(), completeness=Completeness(not_captured=("numpy", "pymongo")))
    assert "## Not captured" in markdown(run)
    assert "- pymongo" in markdown(run)
    assert "Not captured" not in text()
