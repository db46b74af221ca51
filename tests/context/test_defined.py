"""Definitions of flows and tasks, as their decorators have them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, task

from prefect_lineage_events.context import defined
from prefect_lineage_events.context.defined import Defined

HERE = __name__


@task(name="load")
def load_orders() -> None:
    """Load the orders."""


@task
def load() -> None:
    pass


@flow(name="below")
def below() -> None:
    pass


tools = SimpleNamespace(load=load)


@flow(name="nightly")
def nightly() -> None:
    """Load all."""
    load_orders()
    load()
    below()


def read(of: Any, task_: Any = None) -> tuple[Defined | None, Defined | None]:
    return defined.defined(uuid4(), of, task_)


def test_flow_is_described_with_the_flows_and_tasks_that_it_names() -> None:
    found, of_task = read(nightly, load_orders)
    assert found is not None
    assert of_task is not None
    assert (found.name, found.function, found.module, found.description) == ("nightly", "nightly", HERE, "Load all.")
    assert found.file == __file__
    assert found.flows == ("below",)
    assert [(name, function) for name, _, _, function in found.tasks] == [("load", "load_orders"), ("load", "load")]
    assert (of_task.name, of_task.key) == ("load", load_orders.task_key)
    assert of_task.description == "Load the orders."


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


def test_function_below_decorators_is_the_users_own() -> None:
    def own() -> None:
        load()

    found, _ = read(flow(name="x")(decorated(decorated(own))))
    assert found is not None
    assert found.function.endswith("own")
    assert [name for name, *_ in found.tasks] == ["load"]


class Callable_:
    def __call__(self) -> None:
        pass


@pytest.mark.parametrize("function", [Callable_(), functools.partial(load.fn), len])
def test_callable_that_is_no_function_has_a_name(function: Any) -> None:
    odd = SimpleNamespace(fn=function, name="odd", description=None, task_key="odd-1")
    _, found = defined.defined(None, None, odd)
    assert found is not None
    assert (found.name, found.file, found.description) == ("odd", "", "")


class Proxy:
    """An object that loads something as soon as anything asks for its class."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise AssertionError("it was asked for its class")


lazy = Proxy()


def test_nothing_of_the_users_is_called() -> None:
    @flow(name="x")
    def named() -> None:
        print(lazy)

    found, _ = read(named)
    assert found is not None
    assert found.flows == ()


def test_definition_that_cannot_be_read_is_none() -> None:
    assert read(SimpleNamespace(fn=None)) == (None, None)
