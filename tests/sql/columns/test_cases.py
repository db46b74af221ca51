"""Every case of the tables holds."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from prefect_lineage_events.sql import columns
from tests.sql.columns.case import Case, lines, written
from tests.sql.columns.cases_queries import QUERIES
from tests.sql.columns.cases_statements import STATEMENTS
from tests.sql.columns.cases_structs import STRUCTS

CASES = [
    pytest.param(case, id=f"{construct}: {case.name}")
    for table in (QUERIES, STRUCTS, STATEMENTS)
    for construct, cases in table.items()
    for case in cases
]


@pytest.mark.parametrize("case", CASES)
def test_case_holds(case: Case) -> None:
    statements = case.analyse()
    edges = [edge for statement in statements for edge in statement.columns]
    assert written(edges, "<-") == lines(case.edges)
    if case.decisions is not None:
        indirect = [edge for statement in statements for edge in statement.indirect]
        assert written(indirect, "<~") == lines(case.decisions)
    if case.result is not None:
        assert list(statements[-1].result_columns) == list(case.result)
    if case.declared is not None:
        assert statements[-1].declared == case.declared
    assert case.reason in " ".join(statement.reason for statement in statements)


def test_no_evaluation_waits_for_the_garbage_collector() -> None:
    """Another number of blanks at the end, so that no answer comes from the cache."""
    cases = [case.values[0] for case in CASES]
    for case in cases:
        case.analyse(blanks=1)  # what stays for good, such as the rules of a dialect, exists before it is counted
    gc.collect()
    gc.disable()
    try:
        before = evaluation_objects()
        for case in cases:
            case.analyse(blanks=2)
        assert evaluation_objects() - before == Counter()
    finally:
        gc.enable()


def evaluation_objects() -> Counter[str]:
    """The objects of column evaluations that exist, by class."""
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith(columns.__name__))
