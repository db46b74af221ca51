"""Format of a case of table lineage: a text, its reads and writes, and the confidence of the analysis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prefect_lineage_events.sql import Statement, analyze
from prefect_lineage_events.sql.model import Confidence


@dataclass(frozen=True)
class Case:
    """`reads` and `writes` are the names of all statements of the text, with blanks between; `kind` is each one's, in order.

    `confidence` is the least sure of them.
    """

    name: str
    sql: str
    reads: str = ""
    writes: str = ""
    kind: str = "read"
    effect: str | None = None
    confidence: Confidence = "exact"

    def analyse(self, dialect: str) -> tuple[Statement, ...]:
        return analyze(self.sql, dialect=dialect, columns=False)


Cases = dict[str, list[Case]]  # by construct


def least_sure(statements: tuple[Statement, ...]) -> Confidence:
    order: tuple[Confidence, ...] = ("partial", "recovered", "exact")
    return next((c for c in order if any(s.confidence == c for s in statements)), "exact")


def all_cases() -> Iterator[tuple[str, str, Case]]:
    """Dialect, construct and case, in the order in which the page shows them."""
    from tests.sql.tables import (
        cases_containers,
        cases_others,
        cases_routines,
        cases_snowflake,
        cases_standard,
        cases_vendors,
    )

    tables: dict[str, dict[str, list[Case]]] = {}
    for module in (cases_standard, cases_snowflake, cases_others, cases_vendors, cases_routines, cases_containers):
        for dialect, cases in module.BY_DIALECT:
            for construct, group in cases.items():
                tables.setdefault(dialect, {}).setdefault(construct, []).extend(group)
    for dialect, constructs in tables.items():
        for construct, group in constructs.items():
            for case in group:
                yield dialect, construct, case
