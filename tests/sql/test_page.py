"""The page of SQL statements lists the cases of the tests."""

from __future__ import annotations

from tests.pages import maker


def test_the_page_is_up_to_date() -> None:
    script = maker("make_sql_page")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run `python docs/make_sql_page.py`"
