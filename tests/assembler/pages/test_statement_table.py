"""The table of a run's statements."""

from __future__ import annotations

from prefect_lineage_events.assembler.pages.statement_table import MAX_STATEMENTS, reasons, section
from prefect_lineage_events.stitching.model import StatementSummary
from tests.assembler.pages.samples import table


def test_statement_has_its_rows_its_time_and_its_datasets() -> None:
    summary = StatementSummary(
        "INSERT INTO mart\nSELECT 1", "postgres", "write", rows=12_345, duration=0.25, executions=3,
        inputs=(table("orders"),), outputs=(table("mart"),),
    )  # fmt: skip
    _, text, texts = section([summary])
    head, _, row = text.split("\n")
    assert head == "| No. | Operation | Reads | Writes | Rows | Time | Executions |"
    assert row == "| 1 | write | `shop.public.orders` | `shop.public.mart` | 12,345 | 250 ms | 3 |"
    assert texts == "- 1: `INSERT INTO mart SELECT 1`"


def test_call_without_text_is_shown() -> None:
    _, text = section([StatementSummary(None, "", "read", rows=5, inputs=(table("orders"),))])
    assert "| 1 | read | `shop.public.orders` | 5 |" in text


def test_of_many_statements_those_that_changed_something_are_shown() -> None:
    many = [StatementSummary("SELECT ?", "duckdb", "read")] * MAX_STATEMENTS
    _, text, texts = section([*many, StatementSummary("INSERT ...", "duckdb", "write")])
    assert f"| {MAX_STATEMENTS + 1} | write |" in text
    assert f"- {MAX_STATEMENTS + 1}: `INSERT ...`" in texts
    assert f"| {MAX_STATEMENTS} | read |" not in text
    assert "... and 1 more statements." in text


def test_reason_names_its_statements() -> None:
    partial = StatementSummary("?", "duckdb", confidence="partial", reason="unknown syntax")
    plain = StatementSummary("SELECT ?", "duckdb", "read")
    assert reasons([plain, partial, partial])[1] == "- Statements 2, 3: unknown syntax"
    assert reasons([partial])[1] == "- Statement 1: unknown syntax"
    assert reasons([plain]) == []
