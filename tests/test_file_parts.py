"""Partitions, part files and patterns are parts of a dataset, by the text of their paths."""

from __future__ import annotations

import pytest

from prefect_lineage_events.file_parts import split_parts


@pytest.mark.parametrize(
    ("path", "root", "part"),
    [
        ("/data/orders.csv", "/data/orders.csv", ""),
        ("/data/orders.csv.gz", "/data/orders.csv.gz", ""),
        ("/data/orders/", "/data/orders", ""),
        ("/data/t/dt=2026-11-28/part-0.parquet", "/data/t", "dt=2026-11-28"),
        ("/data/t/dt=2026-11-28", "/data/t", "dt=2026-11-28"),
        ("/data/t/dt=2026-11-28/", "/data/t", "dt=2026-11-28"),
        ("/data/t/year=2026/month=11/x.csv", "/data/t", "year=2026/month=11"),
        ("/data/t/price=1.5/x.csv", "/data/t", "price=1.5"),
        ("/data/t/part-00000-6f.c000.snappy.parquet", "/data/t", "part-00000-6f.c000.snappy.parquet"),
        ("/data/t/_temporary/0/task_1/part-00000", "/data/t", ""),
        ("/data/t/dt=1/_temporary/0/part-00000", "/data/t", "dt=1"),
        ("/data/t/_delta_log/00000.json", "/data/t", ""),
        ("/data/t/_SUCCESS", "/data/t", ""),
        # a word is a dataset, unless it says nothing or is the root's own name
        ("/data/t/dt=1/orders.csv", "/data/t/orders.csv", "dt=1"),
        ("/data/t/dt=1/customers.csv", "/data/t/customers.csv", "dt=1"),
        ("/data/t/dt=1/h=2/order-items.csv.gz", "/data/t/order-items.csv.gz", "dt=1/h=2"),
        ("/data/orders/dt=1/orders.csv", "/data/orders", "dt=1"),
        ("/data/raw_orders/dt=1/orders.csv", "/data/raw_orders", "dt=1"),
        ("/data/orders/dt=1/orders_export.csv", "/data/orders", "dt=1"),
        ("/data/t/dt=1/data.parquet", "/data/t", "dt=1"),
        ("/data/t/dt=1/data_1.parquet", "/data/t", "dt=1"),
        ("/data/t/dt=1/7f3b1c2e-8a4d-4f6e-9b2a-1c3d5e7f9a0b.parquet", "/data/t", "dt=1"),
        ("/data/t/dt=1/orders-20261128.csv", "/data/t", "dt=1"),
        ("/data/t/dt=1/_metadata", "/data/t", "dt=1"),
        ("dt=1/orders.csv", "orders.csv", "dt=1"),
        # no partitions: a file's own name, and a directory that says nothing of the files below
        ("/data/a=1.csv", "/data/a=1.csv", ""),
        ("/env=prod/orders/x.csv", "/env=prod/orders/x.csv", ""),
        ("/data/parts-list.csv", "/data/parts-list.csv", ""),
        ("/data/*.csv", "/data/*.csv", ""),
    ],
)
def test_path_is_split_into_dataset_and_part(path: str, root: str, part: str) -> None:
    assert split_parts(path) == (root, part)


@pytest.mark.parametrize(
    ("path", "root", "part"),
    [
        ("/data/*.csv", "/data", "*.csv"),
        ("/data/*/x.csv", "/data", "*/x.csv"),
        ("/data/2026-[01]?/x.csv", "/data", "2026-[01]?/x.csv"),
        ("/data/{a,b}.csv", "/data", "{a,b}.csv"),
        ("/data/t/dt=2026-*/*.parquet", "/data/t", "dt=2026-*"),
        ("/data/t/dt=2026-11-28/*.parquet", "/data/t", "dt=2026-11-28"),
        ("/data/t/dt=1/h=*/*.parquet", "/data/t", "dt=1/h=*"),
        ("/data/t/dt=*/orders.csv", "/data/t/orders.csv", "dt=*"),
        ("/data/t/dt=*/h=*/orders.csv", "/data/t/orders.csv", "dt=*/h=*"),
        ("/data/*/dt=*/orders.csv", "/data", "*/dt=*/orders.csv"),
        ("/data/orders.csv", "/data/orders.csv", ""),
    ],
)
def test_pattern_is_a_part_of_the_directory_before_it(path: str, root: str, part: str) -> None:
    assert split_parts(path, patterns=True) == (root, part)
