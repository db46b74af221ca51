"""Distribution of the tests among pytest-xdist's workers: a file is one unit, and so is each whole flow.

Tests of a file share its services. The whole flows are one file of many minutes, and share no more than each worker has:
those of the Snowflake stand-in stay together, because it takes seconds to start.
"""

from __future__ import annotations

import re

from xdist.scheduler import LoadFileScheduling

_WHOLE_FLOW = re.compile(r"tests/flows/test_flows\.py::[a-z_]+\[(\w+)-(\w+)\]")


def unit_of(nodeid: str) -> str:
    """The unit of a test: its worker runs the whole unit."""
    if not (found := _WHOLE_FLOW.fullmatch(nodeid)):
        return nodeid.partition("::")[0]
    program, store = found.groups()
    return f"whole flows: {store if store == 'snowflake' else f'{program} on {store}'}"


class Scheduling(LoadFileScheduling):
    """`--dist loadfile`, with the whole flows as units."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
