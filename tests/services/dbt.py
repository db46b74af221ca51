"""The environment that has dbt (`make test` makes it)."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-dbt" / "bin" / "python"


def python() -> Path:
    """The environment's Python; the test skips where the environment is missing."""
    if not PYTHON.exists():
        pytest.skip("dbt's environment is missing: make .venv-dbt/.stamp")
    return PYTHON
