"""Datasets and their URIs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_lineage_events import datasets, stores
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.naming import join_name, split_name


@pytest.mark.parametrize(
    "dataset",
    [
        stores.snowflake("myorg-shop", "SHOP", "PUBLIC").table(["T"]),
        stores.server("postgres", "db", None, "shop", "public").table(["t"]),
        stores.server("mysql", "db", None, "shop").table(["t"]),
        stores.sqlite("/data/shop.db").table(["t"]),
        stores.duckdb("/data/shop.db").table(["t"]),
        stores.sqlite("", memory_id="a1").table(["t"]),
        stores.bigquery("project", "dataset").table(["t"]),
        Dataset("s3://bucket", "path/to/key.csv"),
        Dataset("https://api.example.com", "v1/orders"),
        Dataset("file", "/data/x.csv"),
    ],
    ids=str,
)
def test_uri_names_its_dataset(dataset: Dataset) -> None:
    assert Dataset.from_uri(dataset.uri) == dataset


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3a://bucket/path/key", "s3://bucket", "path/key"),
        ("gcs://bucket/key", "gs://bucket", "key"),
        ("postgresql://user:secret@db:5432/shop/public/t?sslmode=require", "postgres://db:5432", "shop.public.t"),
        ("s3://AKIA:sec/ret@bucket/key.csv", "s3://bucket", "key.csv"),
        ("s3://bucket/key@v1.csv", "s3://bucket", "key@v1.csv"),
        ("kafka://broker:9092/topic@2", "kafka://broker:9092", "topic@2"),
        ("https://user:secret@api.example.com/v1/orders?token=secret#top", "https://api.example.com", "v1/orders"),
        ("file:///data/my%20file.csv", "file", "/data/my file.csv"),
        ("kafka://broker:9092/topic", "kafka://broker:9092", "topic"),
    ],
)
def test_uri_is_canonical_and_without_secrets(uri: str, namespace: str, name: str) -> None:
    assert Dataset.from_uri(uri) == Dataset(namespace, name)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("orders.csv", "is not a dataset URI: give scheme and path"),
        (r"C:\data\x.csv", "is not a dataset URI: give scheme and path"),
        ("s3:bucket/key", "'//' is missing"),
        ("s3://bucket", "names no dataset"),
        ("file:///", "names no file"),
        ("sqlite:///shop.db", "names no table"),
    ],
)
def test_invalid_uri_is_refused_with_the_expected_form(uri: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Dataset.from_uri(uri)


@pytest.mark.parametrize(("namespace", "name"), [("", "t"), ("  ", "t"), ("s3://bucket", " ")])
def test_dataset_without_namespace_or_name_is_refused(namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match="needs a"):
        Dataset(namespace, name)


def test_paths_in_statements_are_files_or_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert datasets.location("s3://bucket/key.parquet") == Dataset("s3://bucket", "key.parquet")
    assert datasets.location("out.csv") == Dataset("file", f"{tmp_path}/out.csv")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_joined_names_split_into_their_parts(parts: list[str]) -> None:
    assert split_name(join_name(parts)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "host=db user=u password=s3cret",
        "postgres:u:s3cret@h/db/s/t",
        "u:s3cret@h",
        "sqlite:///shop.db?key=s3cret",
        "s3://bucket?sig=s3cret",
        "db;Password=s3cret",
    ],
)
def test_error_message_shows_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a dataset URI|names no") as caught:
        Dataset.from_uri(text)
    assert "s3cret" not in str(caught.value)


def test_parameters_after_a_path_are_left_out_of_the_name() -> None:
    assert Dataset.from_uri("sftp://h/in/a.csv;password=s3cret") == Dataset("sftp://h", "in/a.csv")
    assert Dataset.from_uri("s3://b/a;b.csv") == Dataset("s3://b", "a;b.csv")
