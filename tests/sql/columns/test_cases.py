"""Every case of the tables holds."""

from __future__ import annotations

import pytest

from .case import Case, lines, written
from .cases_queries import QUERIES
from .cases_statements import STATEMENTS
from .cases_structs import STRUCTS

CASES = [
    pytest.param(case, id=f"{construct}: {case.name}")
    for table in (QUERIES, STRUCTS, STATEMENTS)
    for construct, cases in table.items()
    for case in cases
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: Case) -> None:
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
