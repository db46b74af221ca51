"""The faults of the corpus break functions that exist: `make test-harm` itself takes minutes and runs less often."""

from __future__ import annotations

from functools import reduce
from importlib import import_module

import pytest

from tests.harm.corpus import FAULTS

_TARGETS = [
    fault.partition("=")[0] for condition in FAULTS if ":" in (fault := condition.environment.get("HARM_FAULT", ""))
]


@pytest.mark.parametrize("target", _TARGETS)
def test_each_fault_names_an_existing_function(target: str) -> None:
    module, _, path = target.partition(":")
    assert callable(reduce(getattr, path.split("."), import_module(module)))
