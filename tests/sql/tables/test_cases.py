"""Every case of the tables holds."""

from __future__ import annotations

import pytest

from tests.sql.redaction.test_sanitise import DIALECTS
from tests.sql.tables.case import Case, all_cases, least_sure

CASES = [
    pytest.param(dialect, case, id=f"{dialect}: {construct}: {case.name}")
    for dialect, construct, case in all_cases()
    if dialect
]
STANDARD = [
    pytest.param(case, id=f"{construct}: {case.name}") for dialect, construct, case in all_cases() if not dialect
]


@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_case_holds(dialect: str, case: Case) -> None:
    statements = case.analyse(dialect)
    found = {
        "reads": {t.name for s in statements for t in s.inputs},
        "writes": {t.name for s in statements for t in s.outputs},
        "kind": " ".join(s.kind for s in statements),
        "confidence": least_sure(statements),
    }
    expected = {
        "reads": _names(case.reads),
        "writes": _names(case.writes),
        "kind": case.kind,
        "confidence": case.confidence,
    }
    assert found == expected
    if case.effect is not None:
        assert statements[0].effect == case.effect


@pytest.mark.parametrize("case", STANDARD)
def test_standard_case_holds_in_every_dialect(case: Case) -> None:
    expected = (_names(case.reads), _names(case.writes), case.kind, case.confidence, case.effect)
    for dialect in DIALECTS:
        statements = case.analyse(dialect)
        found = (
            {t.name.lower() for s in statements for t in s.inputs},
            {t.name.lower() for s in statements for t in s.outputs},
            " ".join(s.kind for s in statements),
            least_sure(statements),
            statements[0].effect if case.effect else None,
        )
        assert found == expected, dialect


def _names(text: str) -> set[str]:
    return {name for name in text.split("|" if "|" in text else None) if name}
