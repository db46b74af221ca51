"""Names of buckets and containers, on every road that leads to them."""

from __future__ import annotations

import pytest

from prefect_lineage_events.datasets import Dataset, file_at
from prefect_lineage_events.emission.limits import clean_dataset
from prefect_lineage_events.history.assets import dataset_of
from prefect_lineage_events.object_stores import azure_account, azure_namespace, without_user
from prefect_lineage_events.sql.locations import clean_location

_ADDRESSES = (
    "abfss://{container}@acct.dfs.core.windows.net/orders.csv",
    "abfs://{container}@acct.dfs.core.windows.net/orders.csv",
    "wasbs://{container}@acct.blob.core.windows.net/orders.csv",
    "https://acct.blob.core.windows.net/{container}/orders.csv",
    "azure://acct.blob.core.windows.net/{container}/orders.csv",
    "az://{container}/orders.csv",
)


@pytest.mark.parametrize("address", _ADDRESSES)
def test_two_containers_of_an_account_are_two_datasets_in_events(address: str) -> None:
    raw, curated = (clean_dataset(Dataset.from_uri(address.format(container=name))) for name in ("raw", "curated"))
    assert raw != curated
    assert "raw" in raw.namespace
    assert "curated" in curated.namespace


@pytest.mark.parametrize("address", _ADDRESSES)
def test_container_survives_statements_uris_and_asset_keys(address: str) -> None:
    address = address.format(container="raw")
    dataset = Dataset.from_uri(address)
    assert Dataset.from_uri(clean_location(address) or "") == dataset
    assert dataset_of(dataset.uri) == dataset
    assert Dataset.from_uri(dataset.uri) == dataset
    assert dataset.canonical() == dataset


@pytest.mark.parametrize("scheme", ["abfss", "abfs", "az", "azure", "wasbs"])
@pytest.mark.parametrize("user", ["raw:s3cret", ":s3cret", "user:raw:s3cret"])
def test_password_before_an_account_is_no_container(scheme: str, user: str) -> None:
    namespace = f"{scheme}://{user}@acct.dfs.core.windows.net"
    assert "s3cret" not in str(Dataset(namespace, "x").canonical())
    assert "s3cret" not in str(clean_dataset(Dataset(namespace, "x")))
    assert "s3cret" not in str(Dataset.from_uri(f"{namespace}/x"))


@pytest.mark.parametrize(
    ("namespace", "dataset"),
    [
        ("https://bucket.s3.eu-west-1.amazonaws.com", Dataset("s3://bucket", "k.csv")),
        ("https://acct.blob.core.windows.net", Dataset("abfss://raw@acct.dfs.core.windows.net", "k.csv")),
        ("https://storage.googleapis.com", Dataset("gs://raw", "k.csv")),
    ],
)
def test_signature_in_a_name_is_left_out_of_the_object(namespace: str, dataset: Dataset) -> None:
    name = "k.csv" if "bucket" in namespace else "raw/k.csv"
    assert Dataset(namespace, f"{name}?sig=s3cret").canonical() == dataset


def test_other_question_marks_are_characters_of_a_key() -> None:
    blob = Dataset("abfss://raw@acct.dfs.core.windows.net", "a?b.csv")
    assert Dataset.from_uri("https://acct.blob.core.windows.net/raw/a%3Fb.csv?sig=s3cret") == blob
    assert Dataset("https://acct.blob.core.windows.net", "raw/a?b.csv").canonical() == blob


@pytest.mark.parametrize(
    ("uri", "namespace"),
    [
        ("s3://lake/", "s3://lake"),
        ("gs://lake/", "gs://lake"),
        ("abfss://raw@acct.dfs.core.windows.net/", "abfss://raw@acct.dfs.core.windows.net"),
        ("az://acct.blob.core.windows.net/raw/", "abfss://raw@acct.dfs.core.windows.net"),
        ("https://acct.blob.core.windows.net/raw", "abfss://raw@acct.dfs.core.windows.net"),
        ("az://raw/", "abfss://raw"),
        ("hdfs://h/", "hdfs://h:8020"),
    ],
)
def test_bucket_or_container_as_a_whole_is_a_dataset(uri: str, namespace: str) -> None:
    dataset = Dataset.from_uri(uri)
    assert dataset == Dataset(namespace, "/")
    assert Dataset.from_uri(dataset.uri) == dataset
    assert file_at(f"{uri.rstrip('/')}/dt=2026-11-28/x.parquet").dataset == dataset


@pytest.mark.parametrize("uri", ["memory://x.csv", "memory://in/x.csv"])
def test_file_in_memory_has_one_name_on_every_road(uri: str) -> None:
    dataset = file_at(uri).dataset
    assert Dataset.from_uri(uri) == dataset
    assert Dataset.from_uri(dataset.uri) == dataset


def test_user_is_removed_from_other_authorities() -> None:
    assert without_user("s3", "key:secret@bucket") == "bucket"
    assert without_user("sftp", "user@host") == "host"
    assert without_user("abfss", "raw@acct") == "raw@acct"


@pytest.mark.parametrize(
    ("options", "account"),
    [
        ({"account_name": "acct", "account_key": "s3cret"}, "acct"),
        ({"AZURE_STORAGE_ACCOUNT_NAME": "acct"}, "acct"),
        ({"account_host": "acct.blob.core.windows.net"}, "acct.blob.core.windows.net"),
        ({"account_url": "https://acct.blob.core.windows.net/?sig=s3cret"}, "acct.blob.core.windows.net"),
        ({"connection_string": "DefaultEndpointsProtocol=https;AccountName=Acct;AccountKey=s3cret=="}, "acct"),
        ({"connection_string": "BlobEndpoint=https://acct.blob.core.windows.net/;SharedAccessSignature=s3cret"},
         "acct.blob.core.windows.net"),
        ({"connection_string": "AccountKey=s3cret"}, None),
        ({"account_name": None}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_account_of_storage_options(options: dict[str, object], account: str | None) -> None:
    assert azure_account(options) == account


@pytest.mark.parametrize(
    ("account", "namespace"),
    [
        ("acct", "abfss://raw@acct.dfs.core.windows.net"),
        ("ACCT", "abfss://raw@acct.dfs.core.windows.net"),
        ("acct.blob.core.windows.net", "abfss://raw@acct.dfs.core.windows.net"),
        ("127.0.0.1:10000", "abfss://raw@127.0.0.1:10000"),
        (None, "abfss://raw"),
    ],
)
def test_namespace_of_a_container_and_an_account(account: str | None, namespace: str) -> None:
    assert azure_namespace("raw", account) == namespace
    assert Dataset(namespace, "k").canonical() == Dataset(namespace, "k")
