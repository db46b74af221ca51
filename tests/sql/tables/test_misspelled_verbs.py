"""Statements whose first word no dialect knows: never an exact answer that nothing is read or written."""

from __future__ import annotations

import pytest

from prefect_lineage_events.dialects import DIALECTS
from prefect_lineage_events.sql import analyze


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize(
    "text",
    [
        "updat t set a = 1",
        "inser t values (1)",
        "isnert into t values (1)",
        "delte t where a = 1",
        "selct * from t",
        "crate table t as select * from s",
        "tuncate table t",
        "hello world",
        "hello",
        "(hello world)",
        "sp_who",
    ],
)
def test_misspelled_first_verb_is_partial(dialect: str, text: str) -> None:
    assert analyze(text, dialect=dialect)[0].confidence == "partial"
    assert analyze(f"insert into a select * from b; {text}", dialect=dialect)[1].confidence == "partial"
