"""The examples of docs/write-your-own.md, each run as it stands there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from prefect_lineage_events import LineageBlock
from prefect_lineage_events.testing import RecordedLineage
from prefect_lineage_events.testing.plugin import lineage
from tests.pages import DOCS

__all__ = ["lineage"]

PAGE = (DOCS / "write-your-own.md").read_text()
EXAMPLES = {
    re.sub(r"\W+", "-", part.partition("\n")[0]).strip("-").lower() + f"-{number}": code
    for part in PAGE.split("\n## ")
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", part, re.DOTALL), 1)
}
# The edges that an example makes, and datasets that it reads or writes without one.
EXPECTED = {
    "a-function-in-one-line-1": "raw/2026-11-28.csv > clean/2026-11-28.csv",
    "a-function-in-one-line-2": "orders.csv > summary.csv",
    "a-block-of-your-own-1": "prices/2026-11-28.csv",
    "a-block-of-your-own-2": "x.csv y.csv",
    "in-the-middle-of-code-1": "in/orders.csv > public.orders",
    "names-of-datasets-1": "",
    "a-statement-that-ran-elsewhere-1": "RAW.ORDERS > MART.SALES",
    "tests-of-lineage-1": "raw.orders > mart.sales",
    "the-lineage-of-a-run-as-a-value-1": "",
    "facets-of-your-own-1": "",
}


def test_each_example_is_run() -> None:
    assert EXAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_does_what_the_page_says(lineage: RecordedLineage, name: str) -> None:
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(EXAMPLES[name], f"{name}.py", "exec"), names)
    for test in [function for key, function in names.items() if key.startswith("test_")]:
        test(lineage)
    source, edge, target = EXPECTED[name].partition(" > ")
    if edge:
        lineage.assert_edge(source, target)
        assert len(lineage.edges) == 1
    else:
        found = sorted(use.dataset.name for use in (*lineage.inputs, *lineage.outputs))
        assert [any(part.endswith(name) for part in found) for name in source.split()] == [True] * len(source.split())
        assert len(found) == len(source.split())
    assert all(run.complete for run in lineage.runs)


def test_a_block_has_fewer_than_15_lines() -> None:
    for name in ("a-block-of-your-own-1", "a-block-of-your-own-2"):
        block = EXAMPLES[name].partition("class ")[2].rpartition("\n\n")[0]
        assert len([line for line in block.splitlines() if line.strip()]) < 15
    assert LineageBlock.__doc__


def test_the_failure_on_the_page_is_the_real_one(lineage: RecordedLineage) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES["tests-of-lineage-1"], names)
    names["build_sales"]()
    with pytest.raises(AssertionError) as error:
        lineage.assert_edge("raw.order", "mart.sales")
    shown = PAGE.partition("A failure shows what there was:\n\n```\n")[2].partition("\n```")[0]
    assert str(error.value).partition("\n\n")[0] == shown
