"""An object's class is exchanged only where the interpreter's own assignment would be as safe."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from prefect_lineage_events.instrumentation import retype as retyping
from prefect_lineage_events.instrumentation.retype import retype


class Connection(sqlite3.Connection):
    __slots__ = ()


class WithFields(sqlite3.Connection):
    """A subclass whose instances are larger: they have a dictionary."""


class Further(Connection):
    __slots__ = ()


class Dictionary(dict):  # type: ignore[type-arg]
    """CPython allocates a plain dictionary itself, and one of a subclass by the general rule."""

    __slots__ = ()


def test_an_object_written_in_c_becomes_one_of_the_subclass() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert retype(connection, Connection)
        assert type(connection) is Connection
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("cls", [WithFields, Further, Dictionary])
def test_a_class_of_another_layout_or_chain_leaves_the_object_alone(cls: type) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert not retype(connection, cls)
        assert type(connection) is sqlite3.Connection


def test_class_with_another_allocator_leaves_the_object_unchanged() -> None:
    value = {"a": 1}

    assert not retype(value, Dictionary)
    assert type(value) is dict


def test_another_interpreter_leaves_the_object_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retyping, "_is_known_interpreter", lambda: False)
    monkeypatch.setattr(retyping, "_exchangeable", {})
    with closing(sqlite3.connect(":memory:")) as connection:
        assert not retype(connection, Connection)
