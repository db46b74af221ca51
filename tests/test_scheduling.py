"""Units of tests for pytest-xdist's workers."""

from __future__ import annotations

from tests.flows.test_flows import CASES
from tests.scheduling import unit_of

FLOWS = "tests/flows/test_flows.py"


def test_each_whole_flow_is_a_unit_and_those_of_snowflake_are_one() -> None:
    ids = [f"{FLOWS}::test_flow_has_expected_lineage[{name}-{store}]" for name, store in CASES]
    units = {unit_of(one) for one in ids}
    assert len(units) == 1 + sum(store != "snowflake" for _, store in CASES)


def test_tests_of_another_file_are_one_unit() -> None:
    assert unit_of("tests/test_a.py::test_one[a-b]") == unit_of("tests/test_a.py::Group::test_two") == "tests/test_a.py"
