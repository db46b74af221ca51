"""The statements of a run, with their rows and durations, and the reasons why some were not fully understood. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from prefect_lineage_events.assembler.pages.markup import duration, more, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code, prose, word
from prefect_lineage_events.sentences import listed
from prefect_lineage_events.stitching.model import StatementSummary

MAX_STATEMENTS = 50
MAX_REASONS = 20
MAX_TEXT = 200
MAX_NAMES = 1
_MAX_NAME = 24
_NAMED_STATEMENTS = 10
_CHANGING = frozenset({"write", "create", "alter", "drop"})


def section(statements: Sequence[StatementSummary]) -> list[str]:
    """The statements in order of time. Of too many, those that changed something are shown first."""
    if not statements:
        return []
    numbered = list(enumerate(statements, 1))
    # A stable sort: within each group the earlier statements are kept.
    kept = sorted(sorted(numbered, key=lambda one: one[1].operation not in _CHANGING)[:MAX_STATEMENTS])
    head = ("No.", "Operation", "Reads", "Writes", "Rows", "Time", "Executions")
    shown = table(head, [_row(number, one) for number, one in kept])
    # In a list, since a table does not break lines in one of Prefect's interfaces.
    texts = [f"- {number}: {code(' '.join(one.sql.split()), MAX_TEXT)}" for number, one in kept if one.sql is not None]
    rest = more(len(numbered), MAX_STATEMENTS, "statements")
    return ["## Statements", "\n".join([shown, *rest]), *(["\n".join(texts)] if texts else [])]


def reasons(statements: Sequence[StatementSummary]) -> list[str]:
    """The reasons why statements were understood in part only, each once, with the numbers of the statements."""
    by_reason: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(statements, 1):
        if one.confidence == "partial" and one.reason:
            by_reason[one.reason].append(number)
    if not by_reason:
        return []
    shown = [f"- {_numbers(numbers)}: {prose(why)}" for why, numbers in list(by_reason.items())[:MAX_REASONS]]
    return ["## Not fully understood", "\n".join(shown + more(len(by_reason), MAX_REASONS, "reasons"))]


def _numbers(numbers: Sequence[int]) -> str:
    noun = "Statement" if len(numbers) == 1 else "Statements"
    return f"{noun} {listed([str(number) for number in numbers], _NAMED_STATEMENTS)}"


def _row(number: int, one: StatementSummary) -> tuple[str, ...]:
    return (
        str(number),
        word(one.operation),
        _names(one.inputs),
        _names(one.outputs),
        "" if one.rows is None else f"{one.rows:,}",
        "" if one.duration is None else duration(one.duration),
        "" if one.executions == 1 else f"{one.executions:,}",
    )


def _names(datasets: Sequence[Dataset]) -> str:
    return listed([code(shortened(dataset.name, _MAX_NAME)) for dataset in datasets], MAX_NAMES)
