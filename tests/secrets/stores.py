"""A flow that uses object stores with a secret in every position of a client's calls where one may be.

Signed URLs, tokens, account keys, connection strings, storage options, headers and metadata, in calls that succeed and
in calls that fail. The program starts stand-ins of the stores in its own process, but for S3, which it finds by
`AWS_ENDPOINT_URL`.
"""

from __future__ import annotations

import base64
import contextlib
import os
from typing import Any

from prefect import flow

from prefect_lineage_events import instrument
from tests.secrets.statements import secret_of

SECRET = secret_of(9100)
ACCOUNT_KEY = base64.b64encode(SECRET.encode()).decode()
TOKEN = f"sv=2025-01-05&se=2030-01-01&sp=rwd&sig={SECRET}"


def _s3(url: str) -> None:
    import boto3
    import fsspec
    import pandas as pd

    options = {"key": "etl", "secret": SECRET, "token": SECRET, "client_kwargs": {"endpoint_url": url}}
    client: Any = boto3.client("s3", aws_secret_access_key=SECRET, aws_access_key_id="etl", aws_session_token=SECRET)
    client.put_object(Bucket="lake", Key="a.csv", Body=b"a\n1\n", Metadata={"token": SECRET}, Tagging=f"t={SECRET}")
    client.get_object(Bucket="lake", Key="a.csv", ResponseContentDisposition=SECRET)
    signed = (
        client.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "a.csv"}) + f"&X-Amz-Signature={SECRET}"
    )
    with fsspec.open("s3://lake/a.csv", "rb", **options) as file:
        file.read()
    for address in (signed, f"s3://etl:{SECRET}@lake/a.csv", f"s3://lake/a.csv?X-Amz-Signature={SECRET}"):
        for read in (
            lambda a: fsspec.open(a, "rb", **options).open().read(),
            lambda a: fsspec.filesystem("s3", **options).cat(a),
            pd.read_csv,
        ):
            with contextlib.suppress(Exception):
                read(address)
    with contextlib.suppress(Exception):
        client.get_object(Bucket="lake", Key="missing", SSECustomerKey=SECRET * 2, SSECustomerAlgorithm="AES256")


def _azure(store: Any) -> None:
    import adlfs
    from azure.storage.blob import BlobClient, BlobServiceClient

    text = f"DefaultEndpointsProtocol=http;AccountName=shopdata;AccountKey={ACCOUNT_KEY};BlobEndpoint={store.url};"
    BlobServiceClient.from_connection_string(text).get_blob_client("raw", "a").upload_blob(b"a", metadata={"t": SECRET})
    signed = f"{store.url}/raw/a?{TOKEN}"
    BlobClient.from_blob_url(signed).download_blob(headers={"x-ms-client-request-id": SECRET}).readall()
    BlobClient.from_blob_url(f"{store.url}/raw/b?{TOKEN}").start_copy_from_url(signed)
    BlobClient.from_blob_url(f"{store.url}/raw/c?{TOKEN}").upload_blob_from_url(f"https://h.example/x?{TOKEN}")
    shared = f"BlobEndpoint={store.url};SharedAccessSignature={TOKEN}"
    fs = adlfs.AzureBlobFileSystem(account_name="shopdata", connection_string=shared)
    fs.pipe("raw/d", b"x")
    for address in (f"abfss://raw@shopdata.dfs.core.windows.net/d?{TOKEN}", f"raw/missing?{TOKEN}"):
        with contextlib.suppress(Exception):
            fs.cat(address)
        with contextlib.suppress(Exception):
            fs.open(address, "wb").close()


def _google(store: Any) -> None:
    client = store.client()
    client._extra_headers = {"Authorization": f"Bearer {SECRET}"}
    bucket = client.bucket("lake", user_project=None)
    bucket.blob("a", encryption_key=(SECRET * 3)[:32].encode()).upload_from_string("x")
    bucket.blob("a").create_resumable_upload_session()
    with contextlib.suppress(Exception):
        bucket.blob("refused").upload_from_string(SECRET)


@flow(name="secrets of stores")
def stores(azure: Any, google: Any) -> None:
    _s3(os.environ["AWS_ENDPOINT_URL"])
    _azure(azure)
    _google(google)


def main() -> None:
    from tests.services.azure_storage import running as azure_storage
    from tests.services.google_storage import running as google_storage

    instrument()
    with azure_storage() as azure, google_storage() as google:
        stores.with_options(validate_parameters=False)(azure, google)


if __name__ == "__main__":
    main()
