"""The `prefect.collections` entry point: what is there is registered, a missing extra breaks nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest


def test_collection_registers_the_blocks() -> None:
    from prefect.utilities.dispatch import lookup_type

    [entry] = [e for e in entry_points(group="prefect.collections") if e.name == "prefect_lineage_events"]
    entry.load()
    from prefect.blocks.core import Block

    for slug in ("sqlalchemy-lineage", "async-sqlalchemy-lineage", "snowflake-lineage"):
        assert lookup_type(Block, slug).get_block_type_slug() == slug


@pytest.mark.parametrize(
    ("missing", "there"),
    [("prefect_snowflake", "blocks.sqlalchemy"), ("prefect_sqlalchemy", "blocks.snowflake")],
)
def test_missing_extra_leaves_the_other_blocks(missing: str, there: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import prefect_lineage_events.blocks\n"
        f"assert 'prefect_lineage_events.{there}' in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
