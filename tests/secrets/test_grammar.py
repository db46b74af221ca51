"""Analyses of generated statements with a secret neither contain it nor depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.model import Statement
from tests.secrets.grammar import DIALECTS, planted, templates

SECRET, OTHER = "hunter2zz", "tiger9yy"


def shown(statement: Statement) -> str:
    """All fields of a statement, without the state of its session, which never leaves the process."""
    return repr({field.name: getattr(statement, field.name) for field in fields(Statement) if field.name != "session"})


def of(dialect: str) -> Iterator[str]:
    return (template for template, where in templates() if where == dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_analysis_contains_no_secret(dialect: str) -> None:
    found: list[Any] = []
    for template in of(dialect):
        for statement in analyze(planted(template, SECRET), dialect=dialect):
            if SECRET in shown(statement).lower():
                found.append((template, shown(statement)))
    assert not found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_fingerprint_does_not_depend_on_the_secret(dialect: str) -> None:
    differing = []
    for template in of(dialect):
        ours, others = (
            [s.fingerprint for s in analyze(planted(template, secret), dialect=dialect, columns=False)]
            for secret in (SECRET, OTHER)
        )
        if ours != others:
            differing.append(template)
    assert not differing


def test_grammar_has_many_positions() -> None:
    assert len(set(templates())) > 10_000
