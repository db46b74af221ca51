"""Names that break nothing in Marquez, and stay different."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefect_lineage_events.delivery.profiles.marquez_names import (
    MAX_COLUMN_NAME,
    MAX_DATASET_NAME,
    MAX_DATASET_NAMESPACE,
    MAX_JOB_NAME,
    MAX_JOB_NAMESPACE,
    column_name,
    dataset_name,
    dataset_namespace,
    fits_job_name,
    job_name,
    job_namespace,
)

TEXT = st.one_of(
    st.text(max_size=30),
    st.text("%+~#:/0123456789ABCDEFab .\n\0\x85\u2028=;é日\ud800", max_size=12),
    st.text(min_size=200, max_size=2000),
)


@pytest.mark.parametrize(
    ("function", "given", "safe"),
    [
        (dataset_namespace, "kafka://h1:9092,h2:9092", "kafka://h1:9092+2Ch2:9092"),
        (dataset_namespace, "postgres://[::1]:5432", "postgres://+5B+3A:1+5D:5432"),
        (dataset_namespace, "sqlite:///tmp/my db.sqlite", "sqlite:///tmp/my+20db.sqlite"),
        (dataset_namespace, "duckdb://:memory:", "duckdb://+3Amemory+3A"),
        (dataset_namespace, "https://api.example.com/v1?x=1", "https://api.example.com/v1+3Fx+3D1"),
        (dataset_namespace, "mssql://h:1433;database=x", "mssql://h:1433+3Bdatabase+3Dx"),
        (dataset_namespace, "C:/data", "C+3A/data"),
        (dataset_namespace, "ünï", "+C3+BCn+C3+AF"),
        (dataset_namespace, "a+20b", "a+2B20b"),
        (dataset_namespace, "postgresql+psycopg", "postgresql+psycopg"),
        (dataset_namespace, "", "+."),
        (job_namespace, "prefect://acme:4200", "prefect://acme:4200"),
        (job_namespace, "my team;x=1", "my+20team+3Bx+3D1"),
        (dataset_name, "2024/01/x.csv", "%32024/01/x.csv"),
        (dataset_name, "//x", "%2F/x"),
        (dataset_name, "/data/x.csv", "/data/x.csv"),
        (dataset_name, 'DB."my schema".T', 'DB."my schema".T'),
        (dataset_name, "Bestellungen für Köln", "Bestellungen für Köln"),
        (dataset_name, "a:b#c", "a%3Ab%23c"),
        (dataset_name, "two\nlines", "two%0Alines"),
        (dataset_name, "full 100%", "full 100%"),
        (dataset_name, "a%20b", "a%2520b"),
        (dataset_name, "  ", "%20%20"),
        (column_name, "1A", "%31A"),
        (column_name, "", "%~"),
        (column_name, "a\0b", "a%00b"),
        (job_name, "Daily: orders #1", "Daily: orders #1"),
        (job_name, "3 o'clock", "%33 o'clock"),
        (job_name, "orders:", "orders%3A"),
        (job_name, "orders:.load", "orders%3A.load"),
    ],
)
def test_unsafe_characters_are_escaped_and_the_others_stay(function, given, safe):
    assert function(given) == safe


LIMITS = {
    dataset_namespace: MAX_DATASET_NAMESPACE,
    job_namespace: MAX_JOB_NAMESPACE,
    dataset_name: MAX_DATASET_NAME,
    column_name: MAX_COLUMN_NAME,
    job_name: MAX_JOB_NAME,
}
FUNCTIONS = st.sampled_from(sorted(LIMITS, key=lambda f: f.__name__))


@given(FUNCTIONS, TEXT, TEXT)
@example(dataset_namespace, "a+20b", "a b")
@example(dataset_name, "%", "")
@example(dataset_name, "%~", "")
@example(dataset_name, "1", "%31")
@example(dataset_name, "%2" + "5", "%" + "25")
def test_different_names_stay_different(function, one, other):
    assert (function(one) == function(other)) is (one == other)


@given(FUNCTIONS, TEXT)
def test_names_fit(function, name):
    assert 0 < len(function(name).encode()) <= LIMITS[function]


@given(st.sampled_from([dataset_namespace, job_namespace]), TEXT)
def test_namespaces_have_only_what_marquez_accepts_and_colons_that_do_not_end_them(function, name):
    assert re.fullmatch(r"[a-zA-Z:;=/0-9_\-.@+]{1,1024}", function(name))
    assert not re.search(r":(?!//|[0-9])", function(name))


@given(st.sampled_from([dataset_name, column_name]), TEXT)
def test_names_of_datasets_and_columns_have_no_part_of_a_node_id_in_them(function, name):
    assert not re.search("[\0\n\r\x85\u2028\u2029#:]", function(name))
    assert not re.match(r"\d|//", function(name))
    assert function(name).strip()


@given(TEXT, TEXT)
def test_a_childs_name_begins_with_its_parents(parent, child):
    name = f"{parent}.{child}"
    if fits_job_name(name) and parent.strip():
        assert job_name(name).startswith(f"{job_name(parent)}.")


@given(FUNCTIONS, TEXT)
def test_a_safe_name_that_fits_is_read_back_by_its_escapes(function, name):
    safe = function(name)
    mark, digest = ("+", "+.") if "namespace" in function.__name__ else ("%", "%~")
    if digest not in safe:
        parts = re.split(rf"\{mark}([0-9A-F]{{2}})", safe)
        raw = b"".join(
            bytes.fromhex(part) if number % 2 else part.encode("utf-8", "surrogatepass")
            for number, part in enumerate(parts)
        )
        assert raw.decode("utf-8", "surrogatepass") == name
