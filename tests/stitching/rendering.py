"""Random programs as Python source: Prefect flows with pandas on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.stitching.programs import Call, Derive, Flag, Function, Gather, Note, Read, Row, Scalar, Write

_HEAD = '''
import os
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import sqlalchemy as sa
from prefect import flow, task

from prefect_lineage_events import instrument_connection

ENGINE = instrument_connection(sa.create_engine(os.environ["SHOP_URL"]))


def execute(sql, rows):
    with ENGINE.begin() as connection:
        connection.execute(sa.text(sql), rows)


def scalar(sql):
    with ENGINE.connect() as connection:
        return connection.execute(sa.text(sql)).scalar()


def derive(change, frames, columns, share):
    """As many rows as in the simulation, with arbitrary values."""
    rows = len(frames[0])
    if change == "concat":
        rows = sum(map(len, frames))
    elif change in ("filter", "aggregate", "merge"):
        rows = max(1, int(min(map(len, frames)) * share))
    return pd.DataFrame({column: range(rows) for column in columns})


def write(frame, table):
    frame.to_sql(table, ENGINE, index=False)
'''


def source(program: Function) -> str:
    """The program as a module that runs it."""
    functions = dict.fromkeys(_functions(program))
    parts = [_HEAD, *(_definition(function) for function in reversed(functions)), ""]
    return "\n\n".join([*parts, 'if __name__ == "__main__":\n    program()\n    ENGINE.dispose()\n'])


def single_rows(program: Function) -> list[str]:
    """The tables into which single rows are written."""
    return [step.target for function in _functions(program) for step in _steps(function.code) if isinstance(step, Row)]


def flagged(program: Function) -> list[str]:
    """The tables that its UPDATEs change."""
    return [step.target for function in _functions(program) for step in _steps(function.code) if isinstance(step, Flag)]


def _functions(function: Function) -> Iterator[Function]:
    yield function
    for step in _steps(function.code):
        if isinstance(step, Call):
            yield from _functions(step.function)


def _steps(code: tuple[Any, ...]) -> Iterator[Any]:
    for step in code:
        yield step
        if isinstance(step, Gather):
            for branch in step.branches:
                yield from _steps(branch)


def _definition(function: Function) -> str:
    constants = [f"constant{number}" for number in range(function.constants)]
    head = f"@{function.kind}\ndef {function.name}({', '.join([*function.params, *constants])}):"
    lines = list(_lines(function.code)) or ["pass"]
    lines += [f"return {function.returns}"] if function.returns else []
    return "\n".join([head, *(f"    {line}" for line in lines)])


def _lines(code: tuple[Any, ...]) -> Iterator[str]:
    for step in code:
        if isinstance(step, Call):
            constants = [f"'constant {number}'" for number in range(step.function.constants)]
            call = f"{step.function.name}({', '.join([*step.args, *constants])})"
            yield f"{step.var} = {call}" if step.var else call
        elif isinstance(step, Gather):
            yield from _side_by_side(step)
        else:
            yield _line(step)


def _side_by_side(step: Gather) -> Iterator[str]:
    names = [f"branch{number}" for number, _ in enumerate(step.branches)]
    for name, branch in zip(names, step.branches, strict=True):
        yield f"def {name}():"
        yield from (f"    {line}" for line in _lines(branch))
    yield "with ThreadPoolExecutor() as pool:"
    yield f"    [work.result() for work in [pool.submit(branch) for branch in ({', '.join(names)},)]]"


def _line(step: Any) -> str:
    if isinstance(step, Read):
        return f'{step.var} = pd.read_sql("SELECT {step.listed} FROM {step.table}", ENGINE)'
    if isinstance(step, Scalar):
        return f"newest = scalar({step.sql!r})"
    if isinstance(step, Derive):
        return f"{step.var} = derive({step.change!r}, [{', '.join(step.of)}], {list(step.columns)!r}, {step.share})"
    if isinstance(step, Write):
        return f"write({step.var}, {step.target!r})"
    if isinstance(step, Row):
        values = f"[{{'step': 'done', 'value': {'newest' if step.of else 'None'}}}]"
        return f'execute("INSERT INTO {step.target} (step, value) VALUES (:step, :value)", {values})'
    if isinstance(step, Note):
        values = f"[{{'step': 'done', 'rows': len({step.var})}}]"
        return f'execute("INSERT INTO {step.target} (step, rows) VALUES (:step, :rows)", {values})'
    assert isinstance(step, Flag)
    rows = f"[{{'id': int(one)}} for one in {step.var}['id']]"
    return f'execute("UPDATE {step.target} SET flag = 1 WHERE id = :id", {rows})'
