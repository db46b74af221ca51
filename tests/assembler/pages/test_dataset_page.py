"""The page of a dataset: bounded, and intact with any name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from prefect_lineage_events.assembler.pages.dataset_page import MAX_COLUMNS, description, markdown
from prefect_lineage_events.assembler.pages.dataset_record import DatasetRecord, Origin, decode, merged, records_of
from prefect_lineage_events.datasets import Dataset
from tests.assembler.pages.samples import snapshot, table
from tests.assembler.pages.test_run_page import OWN_LINKS
from tests.test_escaping import HOSTILE


def mart() -> DatasetRecord:
    written = records_of(snapshot("nightly", "orders.amount>mart.total", hour=1))[table("mart")]
    return merged(written, records_of(snapshot("weekly report", "mart.total>report.total", hour=2))[table("mart")])


def without_addresses(page: str) -> str:
    return re.sub(r"\]\([^)]*\)", "]", page)


def test_page_names_the_last_writer_and_reader() -> None:
    page = without_addresses(markdown(mart()))
    assert "Last written by [nightly] at [2026-05-01 13:00] UTC." in page
    assert "Last read by [weekly report] at [2026-05-01 14:00] UTC." in page
    assert "| [nightly] | [run-1] | 2026-05-01 13:00 | completed |" in page
    assert "From:\n\n- [nightly]: [shop.public.orders]" in page
    assert "| [weekly report] | [run-2] | 2026-05-01 14:00 | completed |" in page
    assert "Into:\n\n- [weekly report]: [shop.public.report]" in page
    assert "| `total` | integer | `shop.public.orders.amount` |" in page


def test_page_holds_its_record() -> None:
    assert decode(markdown(mart())) == mart()


def test_page_of_a_dropped_dataset_states_that() -> None:
    record = mart()
    dropped = replace(record, writers=(replace(record.writers[0], lifecycle="DROP"),))
    assert "Last dropped by" in markdown(dropped)


def test_page_of_a_dataset_that_is_only_read_states_that() -> None:
    page = markdown(records_of(snapshot("nightly", "orders>mart"))[table("orders")])
    assert "No run is known that wrote it." in page
    assert "## Written by" not in page


def test_unknown_sources_are_shown() -> None:
    record = mart()
    page = markdown(replace(record, writers=(replace(record.writers[0], sources="unknown", datasets=()),)))
    assert ": source unknown" in page


def test_flows_are_named_where_several_write_columns() -> None:
    other = records_of(snapshot("hourly", "stock.n>mart.total"))[table("mart")]
    page = markdown(merged(mart(), other))
    assert "| `shop.public.orders.amount` by nightly |\n|  |  | `shop.public.stock.n` by hourly |" in page


def test_excess_of_columns_is_counted() -> None:
    edges = [f"orders.c{number:03}>mart.c{number:03}" for number in range(MAX_COLUMNS + 20)]
    page = markdown(records_of(snapshot("nightly", *edges))[table("mart")])
    assert "... and 20 more columns." in page
    assert len(page) < 60_000


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_have_no_effect(hostile: str) -> None:
    odd = Dataset(f"s3://{hostile or 'x'}", hostile if hostile.strip() else "x")
    record = mart()
    user = replace(
        record.writers[0],
        flow_name=hostile,
        run_name=hostile,
        state=hostile,
        lifecycle=hostile,
        renamed_from=odd,
        datasets=(odd,),
        columns=((hostile, hostile),),
        origins=(Origin(hostile, odd, hostile, hostile, inferred=True),),
    )
    page = markdown(replace(record, dataset=odd, kind=hostile, writers=(user,), readers=(user,)))
    *lines, data = page.rstrip("\n").split("\n")
    assert data.startswith("[lineage-data]: ")
    for line in (*lines, description(odd)):
        assert all(c.isprintable() for c in line.replace("\u2060", ""))
        outside = re.sub(r"`[^`]*`|" + OWN_LINKS, "", line)
        assert not re.search(r"(?<!\\)[<\[]|://|\bwww\.", outside), line
