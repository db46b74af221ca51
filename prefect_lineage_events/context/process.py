"""A token of this process, part of the names of databases in memory and of tables that one connection sees."""

from __future__ import annotations

import os
from uuid import uuid4


class _Process:
    """The token of this process, renewed in a fork."""

    token = uuid4().hex[:12]

    @classmethod
    def renew(cls) -> None:
        cls.token = uuid4().hex[:12]


os.register_at_fork(after_in_child=_Process.renew)


def process_token() -> str:
    """The token by which objects of this process have other names than those of all other processes."""
    return _Process.token
