"""Keys of artifacts, and addresses of other pages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.actions import ArtifactCreate

from prefect_lineage_events.assembler.artifact_keys import dataset_key
from prefect_lineage_events.assembler.pages import links
from prefect_lineage_events.datasets import Dataset
from tests.test_escaping import HOSTILE

NAMES = st.text(min_size=1, max_size=400).filter(lambda text: bool(text.strip()))


@given(NAMES)
def test_each_key_is_one_that_prefect_accepts(name: str) -> None:
    key = dataset_key(Dataset("s3://bucket", name))
    ArtifactCreate(key=key)
    assert re.fullmatch(r"dataset-(?:[a-z0-9-]{1,80}-)?[0-9a-f]{12}", key)


def test_names_that_differ_in_case_or_signs_have_different_keys() -> None:
    names = ["shop.orders", "SHOP.ORDERS", "shop-orders", "shop orders", "заказы", "orders"]
    assert len({dataset_key(Dataset("s3://bucket", name)) for name in names}) == len(names)
    assert dataset_key(Dataset("s3://a", "x")) != dataset_key(Dataset("s3://b", "x"))


def test_key_keeps_the_end_of_a_long_name() -> None:
    assert "-daily-orders-" in dataset_key(Dataset("s3://bucket", f"{'x' * 200}/daily/orders"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_of_a_link_ends_no_link(hostile: str) -> None:
    link = links.dataset_page(Dataset("s3://bucket", hostile if hostile.strip() else "x"))
    assert re.fullmatch(r"\[(?:\\.|[^\\\[\]])*\]\(\.\./\.\./artifacts/key/dataset-[a-z0-9-]+\)", link)
    assert "`" not in link.replace("\\`", "")
