"""Blocks that come back from a pickle usable, so that they can go to process pools and Dask workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel


def restore(block: Block, state: Mapping[str, Any]) -> None:
    """Fill a block that unpickling has made, from the state of the official connector (its `__dict__`).

    The official `__setstate__` puts private attributes where current versions of pydantic no longer look for them, or
    leave them shadowed by None. Engine and connections are not in the state: they are opened anew when needed.
    """
    private = {name: default.get_default() for name, default in block.__private_attributes__.items()}
    fields = {name: value for name, value in state.items() if name not in private}
    BaseModel.__setstate__(
        block,
        {
            "__dict__": fields,
            "__pydantic_fields_set__": {name for name in type(block).model_fields if name in fields},
            "__pydantic_extra__": None,
            "__pydantic_private__": private,
        },
    )
    block.block_initialization()
