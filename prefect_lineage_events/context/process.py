"""This process, as far as names of things depend on it: databases in memory, and tables that one connection sees."""

from __future__ import annotations

import os
from uuid import uuid4


class _Process:
    """A fork is another process."""

    token = uuid4().hex[:12]

    @classmethod
    def renew(cls) -> None:
        cls.token = uuid4().hex[:12]


os.register_at_fork(after_in_child=_Process.renew)


def process_token() -> str:
    """What tells the things that exist in this process only from those of all others."""
    return _Process.token
