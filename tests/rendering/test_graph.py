"""Names of datasets in a graph."""

from __future__ import annotations

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.rendering.graph import short_names


def test_names_are_as_short_as_is_unambiguous():
    one, other, third = (
        Dataset("postgres://h:1", "db.s.t"),
        Dataset("postgres://h:1", "db.z.t"),
        Dataset("s3://b", "d/t.csv"),
    )
    assert short_names([one, other, third]) == {one: "s.t", other: "z.t", third: "t.csv"}


def test_equal_names_of_two_stores_become_uris():
    one, other = Dataset("postgres://h:1", "db.s.t"), Dataset("postgres://h:2", "db.s.t")
    assert short_names([one, other]) == {one: "postgres://h:1/db/s/t", other: "postgres://h:2/db/s/t"}
