"""A column's type has one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events.delivery.profiles.marquez import type_name


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("int", "INTEGER", "INTEGER"),
        ("VARCHAR(16)", "character varying(32)", "VARCHAR"),
        ("NUMBER(38, 0)", "number(10,-2)", "NUMBER"),
        ("numeric(10,2)", "DECIMAL", "DECIMAL"),
        ("timestamp(6) with time zone", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
        ("double  precision", "FLOAT8", "DOUBLE"),
        ("varchar(10)[]", "VARCHAR[]", "VARCHAR[]"),
        ("large_string", "String", "VARCHAR"),
        ("int64", "Int64", "BIGINT"),
        ("date32[day]", "DATE", "DATE"),
        ("timestamp[us]", "datetime64[ns]", "TIMESTAMP"),
        ("timestamp[us, tz=UTC]", "timestamptz", "TIMESTAMP WITH TIME ZONE"),
        ("VARCHAR2(30 CHAR)", "varchar2(max)", "VARCHAR2"),
    ],
)
def test_two_spellings_are_one_name(one, other, name):
    assert type_name(one) == type_name(other) == name


@pytest.mark.parametrize("one", ["STRUCT(a INTEGER, b VARCHAR)", "ENUM('A', 'B')", "MAP<STRING, ARRAY<BIGINT>>", ""])
def test_parts_of_a_type_stay(one):
    assert type_name(one) == one


def test_two_types_are_two_names():
    assert len({type_name(one) for one in ("int", "bigint", "text", "varchar", "timestamp", "timestamptz")}) == 6


@given(st.one_of(st.text(), st.text("aI(),<>[] 1x", max_size=12).filter(lambda text: text.count("(") < 2)))
def test_a_name_is_its_own_name(text):
    assert type_name(type_name(text)) == type_name(text)
