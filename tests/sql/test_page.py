"""The page "What we understand of SQL" says what the tests hold to."""

from __future__ import annotations

import importlib.util
from pathlib import Path

MAKER = Path(__file__).parents[2] / "docs" / "make_sql_page.py"


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_sql_page", MAKER)
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), "run `python docs/make_sql_page.py`"
