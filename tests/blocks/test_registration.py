"""The `prefect.collections` entry point: installed blocks are registered, and a missing extra breaks nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import prefect_lineage_events
from prefect_lineage_events.blocks import BLOCKS


def test_collection_registers_the_blocks() -> None:
    from prefect.utilities.dispatch import lookup_type

    [entry] = [e for e in entry_points(group="prefect.collections") if e.name == "prefect_lineage_events"]
    entry.load()
    from prefect.blocks.core import Block

    listed = {block.slug: block.name for block in BLOCKS if block.slug}
    assert listed.keys() == {"sqlalchemy-lineage", "async-sqlalchemy-lineage", "snowflake-lineage"}
    for slug, name in listed.items():
        registered = lookup_type(Block, slug)
        assert (registered.get_block_type_slug(), registered.__name__) == (slug, name)


def test_public_names_contain_every_listed_block() -> None:
    assert {block.name for block in BLOCKS} <= set(prefect_lineage_events.__all__)


def test_prefects_own_register_command_finds_the_blocks() -> None:
    from inspect import getmembers

    from prefect.blocks.core import Block

    from prefect_lineage_events.blocks import registration

    found = {name for name, value in getmembers(registration) if Block.is_block_class(value)}
    assert found == {"AsyncSqlAlchemyLineage", "SnowflakeLineage", "SqlAlchemyLineage"}


@pytest.mark.parametrize(
    ("missing", "there"), [("prefect_snowflake", "SqlAlchemyLineage"), ("prefect_sqlalchemy", "SnowflakeLineage")]
)
def test_missing_extra_leaves_the_other_blocks(missing: str, there: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from prefect_lineage_events.blocks import registration\n"
        f"assert registration.{there}.__name__ == {there!r}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_block_loads_no_other_connector() -> None:
    program = (
        "import sys\n"
        "from prefect_lineage_events import SqlAlchemyLineage\n"
        "assert 'prefect_snowflake' not in sys.modules and 'snowflake.connector' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
