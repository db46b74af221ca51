"""The pytest plugin (entry point `pytest11`): the fixture `lineage` and its marker.

It imports neither Prefect nor the rest of this package before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from prefect_lineage_events.testing.recorded import RecordedLineage

_MARKER = "lineage(*families): capture only these families of libraries in the fixture `lineage`; by default all"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def lineage(request: pytest.FixtureRequest) -> Iterator[RecordedLineage]:
    """The lineage of all that the test runs from here on: flows, tasks and plain functions.

    Libraries of all families are captured, or those of `@pytest.mark.lineage("databases", "files")`. See
    `prefect_lineage_events.testing.recorded_lineage`.
    """
    from prefect_lineage_events.testing.recorded import recorded_lineage

    marker = request.node.get_closest_marker("lineage")
    with recorded_lineage(*(marker.args if marker else ()), name=request.node.name) as recorded:
        yield recorded
