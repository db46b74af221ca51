"""Files, APIs and a block of the user's own: datasets that no connection shows, recorded by the flow."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task

from prefect_lineage_events import Dataset, record_misc, record_read, record_write


@task
def download() -> str:
    Path("orders.csv").write_text("id\n1\n")
    record_read("https://api.example.com/v1/orders?page=1")
    record_write(Path("orders.csv").absolute().as_uri())
    return "orders.csv"


@task
def upload(file: str) -> None:
    record_write("s3://lake/raw/orders.csv", inputs=[Path(file).absolute().as_uri()])


@flow(name="recorded by hand")
def by_hand() -> None:
    upload(download())
    record_misc("checked by a person")
    record_write(Dataset("kafka://broker:9092", "orders"), inputs=["s3://lake/raw/orders.csv"])


if __name__ == "__main__":
    by_hand()
