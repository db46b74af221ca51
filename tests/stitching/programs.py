"""Random programs of reads, changes in Python and writes: a flow with its tasks and subflows.

A program uses what it reads, but for single rows (a watermark, a count): a table that is read in vain, among others
that are aggregated, cannot be distinguished from one that was aggregated with them. New columns have new names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Literal

WORLD: dict[str, tuple[int, tuple[str, ...]]] = {
    "orders": (412, ("id", "customer_id", "amount", "status")),
    "orders_old": (250, ("id", "customer_id", "amount", "status")),
    "orders_older": (250, ("id", "customer_id", "amount", "status")),
    "customers": (120, ("id", "name", "country")),
    "customers_eu": (45, ("id", "name", "country")),
    "products": (83, ("id", "title", "price")),
    "payments": (377, ("id", "order_id", "paid_at")),
    "rates": (12, ("currency", "rate")),
    "visits": (901, ("id", "page", "seen_at", "status")),
}


@dataclass(frozen=True)
class Read:
    var: str
    table: str
    columns: tuple[str, ...]

    @property
    def listed(self) -> str:
        return "*" if self.columns == WORLD[self.table][1] else ", ".join(self.columns)


@dataclass(frozen=True)
class Scalar:
    """`SELECT max(column) AS name FROM table`, which is no source of any write."""

    table: str
    column: str
    name: str

    @property
    def sql(self) -> str:
        return f'SELECT max({self.column}) AS "{self.name}" FROM {self.table}'


@dataclass(frozen=True)
class Row:
    """`INSERT INTO target (step, value) VALUES (...)`: the value of a scalar, or one of the program's own."""

    target: str
    of: Scalar | None


@dataclass(frozen=True)
class Derive:
    var: str
    change: Literal["filter", "select", "rename", "compute", "aggregate", "merge", "concat", "same"]
    of: tuple[str, ...]
    columns: tuple[str, ...] = ()
    share: float = 1.0


@dataclass(frozen=True)
class Write:
    var: str
    target: str


@dataclass(frozen=True)
class Note:
    """One row of a step's name and the number of a frame's rows, into a table that all of them share."""

    var: str
    target: str = "audit"


@dataclass(frozen=True)
class Flag:
    """`UPDATE target SET flag = 1 WHERE id = ?`, for each row of a frame."""

    var: str
    target: str


@dataclass(frozen=True)
class Call:
    function: Function
    var: str | None
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gather:
    """Branches side by side: coroutines or threads."""

    branches: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Function:
    name: str
    kind: Literal["task", "flow"]
    params: tuple[str, ...]
    code: tuple[Any, ...]
    returns: str | None = None
    constants: int = 0


@dataclass
class Writer:
    """Writes one program. `columns` are those of the variables that the code being written has."""

    random: Random
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def program(self) -> Function:
        parts = [self._body_part() for _ in range(self.random.randint(1, 3))]
        parts.append(self._single_row(Random(next(self.numbers))))
        return Function("program", "flow", (), tuple(step for part in parts for step in part))

    def _single_row(self, random: Random) -> list[Any]:
        """A watermark or a total in a task, and one row with its value, or without."""
        table = random.choice(list(WORLD))
        scalar = Scalar(table, random.choice(WORLD[table][1]), random.choice(["newest", "value"]))
        code = (scalar, Row(self._target(), scalar if random.random() < 0.5 else None))
        return [Call(Function(self._name("single"), "task", (), code), None)]

    # --- parts of a flow's body

    def _body_part(self) -> list[Any]:
        return self.random.choice(
            [
                self._linear,
                self._task,
                self._task,
                self._extract_load,
                self._extract_load,
                self._chain,
                self._gather,
                self._into_subflow,
                self._out_of_subflow,
                self._through_subflow,
                self._middle,
            ]
        )()

    def _task(self) -> list[Any]:
        """A task that reads and writes itself."""
        with_columns, self.columns = self.columns, {}
        code = self._gather() if self.random.random() < 0.2 else self._linear()
        self.columns = with_columns
        return [Call(Function(self._name("etl"), "task", (), tuple(code)), None)]

    def _extract_load(self) -> list[Any]:
        """Tasks that read, changes in the body, tasks that write."""
        code: list[Any] = []
        frames = []
        for table in self._tables(self.random.randint(1, 2)):
            frames.append(self._extract(table, code))
        frame = self._combined(frames, code) if self.random.random() < 0.8 else None
        for one in [frame] if frame else frames:
            self._load(self._changed(one, code), code)
        return code

    def _chain(self) -> list[Any]:
        """`load(transform(extract()))`, sometimes with two sources."""
        code: list[Any] = []
        frames = [self._extract(table, code) for table in self._tables(self.random.randint(1, 2))]
        if self.random.random() < 0.7:
            frames = [self._transform(frames, code)]
        if len(frames) == 1:
            self._load(frames[0], code)
        else:
            self._load_joined(frames, code)
        return code

    def _gather(self) -> list[Any]:
        branches = []
        for _ in range(self.random.randint(2, 3)):
            inside, self.columns = self.columns, {}
            branches.append(tuple(self._copies(1) if self.random.random() < 0.6 else self._combination()))
            self.columns = inside
        return [Gather(tuple(branches))]

    def _into_subflow(self) -> list[Any]:
        code: list[Any] = []
        frame = self._extract(self._tables(1)[0], code)
        if self.random.random() < 0.5:
            frame = self._changed(frame, code)
        self._flow("loading", [frame], code, ["write"])
        return code

    def _out_of_subflow(self) -> list[Any]:
        code: list[Any] = []
        frame = self._flow("extracting", [], code, ["read", "return"])
        self._load(self._changed(frame, code) if self.random.random() < 0.5 else frame, code)
        return code

    def _through_subflow(self) -> list[Any]:
        """`put(sub(get()))`: the subflow returns its parameter, its own reads, or both joined."""
        code: list[Any] = []
        frame = self._extract(self._tables(1)[0], code)
        way = self.random.choice([["return"], ["read", "return read"], ["join", "return"]])
        result = self._flow("passing", [frame], code, way)
        self._load(result, code)
        return code

    def _middle(self) -> list[Any]:
        """A flow that passes its parameter to another flow, and reads a row itself afterwards."""
        code: list[Any] = []
        frame = self._extract(self._tables(1)[0], code)
        self._flow("middle", [frame], code, ["flow", "scalar"])
        return code

    # --- functions

    def _extract(self, table: str, code: list[Any]) -> str:
        inside, self.columns = self.columns, {}
        body: list[Any] = self._scalars()
        frame = self._read(table, body)
        if self.random.random() < 0.3:
            frame = self._changed(frame, body)
        columns, self.columns = self.columns[frame], inside
        return self._call(Function(self._name("extract"), "task", (), tuple(body), frame), (), columns, code)

    def _transform(self, frames: list[str], code: list[Any]) -> str:
        params = tuple(f"p{number}" for number, _ in enumerate(frames))
        inside = self.columns
        self.columns = {param: inside[frame] for param, frame in zip(params, frames, strict=True)}
        body: list[Any] = []
        frame = self._changed(self._combined(list(params), body), body)
        columns, self.columns = self.columns[frame], inside
        function = Function(self._name("transform"), "task", params, tuple(body), frame, self.random.randint(0, 1))
        return self._call(function, tuple(frames), columns, code)

    def _load(self, frame: str, code: list[Any]) -> None:
        body = (*self._scalars(), Write("frame", self._target()))
        function = Function(self._name("load"), "task", ("frame",), body, None, self.random.randint(0, 1))
        code.append(Call(function, None, (frame,)))

    def _load_joined(self, frames: list[str], code: list[Any]) -> None:
        params = tuple(f"p{number}" for number, _ in enumerate(frames))
        inside = self.columns
        self.columns = {param: inside[frame] for param, frame in zip(params, frames, strict=True)}
        body: list[Any] = []
        body.append(Write(self._combined(list(params), body), self._target()))
        self.columns = inside
        function = Function(self._name("load"), "task", params, tuple(body), None, self.random.randint(0, 1))
        code.append(Call(function, None, tuple(frames)))

    def _flow(self, name: str, frames: list[str], code: list[Any], does: list[str]) -> str:
        params = tuple(f"p{number}" for number, _ in enumerate(frames))
        inside = self.columns
        self.columns = {param: inside[frame] for param, frame in zip(params, frames, strict=True)}
        body: list[Any] = []
        frame = params[0] if params else ""
        for step in does:
            if step == "read":
                table = self._tables(1)[0]
                read = self._extract(table, body) if self.random.random() < 0.5 else self._read(table, body)
                frame = frame or read
            elif step == "join":
                frame = self._combined([frame, self._read(self._tables(1)[0], body)], body)
            elif step == "return read":
                frame = read
            elif step == "return" and frame in params and self.random.random() < 0.7:
                frame = self._changed(frame, body)
            elif step == "write" and self.random.random() < 0.5:
                self._load(frame, body)
            elif step == "write":
                body.append(Write(self._changed(frame, body), self._target()))
            elif step == "flow":
                self._flow("leaf", [frame], body, ["write"])
            elif step == "scalar":
                body += self._scalars(sure=True)
        returned = frame if any(step.startswith("return") for step in does) else None
        columns, self.columns = self.columns.get(frame, ()), inside
        function = Function(self._name(name), "flow", params, tuple(body), returned)
        return self._call(function, tuple(frames), columns, code) if returned else self._done(function, frames, code)

    def _call(self, function: Function, args: tuple[str, ...], columns: tuple[str, ...], code: list[Any]) -> str:
        var = self._name("v")
        code.append(Call(function, var, args))
        self.columns[var] = columns
        return var

    def _done(self, function: Function, frames: list[str], code: list[Any]) -> str:
        code.append(Call(function, None, tuple(frames)))
        return ""

    # --- code of one scope

    def _linear(self) -> list[Any]:
        code: list[Any] = []
        for _ in range(self.random.randint(1, 2)):
            code += self.random.choice([self._copies, self._combination, self._fan_out])()
        return code

    def _copies(self, number: int | None = None) -> list[Any]:
        """A loop that copies tables, each filtered or not, behind a watermark or not."""
        code: list[Any] = []
        filtered, watermark, noted = (self.random.random() < share for share in (0.3, 0.3, 0.2))
        for table in self._tables(number or self.random.randint(2, 5)):
            code += self._scalars(sure=True) if watermark else []
            frame = self._read(table, code)
            if filtered:
                frame = self._derive("filter", (frame,), self.columns[frame], code, share=self._share())
            code.append(Write(frame, self._target()))
            code += [Note(frame)] if noted else []
        return code

    def _combination(self) -> list[Any]:
        code: list[Any] = self._scalars()
        frames = [self._read(table, code) for table in self._tables(self.random.randint(1, 3))]
        code.append(Write(self._changed(self._combined(frames, code), code), self._target()))
        return code

    def _fan_out(self) -> list[Any]:
        """Several writes of rows read before; sometimes one frame twice."""
        code: list[Any] = []
        frames = [self._read(table, code) for table in self._tables(self.random.randint(1, 3))]
        for frame in [*frames, *self.random.sample(frames, self.random.randint(0, 1))]:
            code.append(Write(self._changed(frame, code), self._target()))
            if "id" in self.columns[frame] and self.random.random() < 0.15:
                code.append(Flag(frame, self._name("flagged")))
        if len(frames) > 1 and self.random.random() < 0.4:
            code.append(Write(self._combined(frames, code), self._target()))
        return code

    def _read(self, table: str, code: list[Any]) -> str:
        var = self._name("v")
        columns = WORLD[table][1]
        if self.random.random() < 0.3:
            columns = tuple(sorted(self.random.sample(columns, self.random.randint(2, len(columns)))))
        code.append(Read(var, table, columns))
        self.columns[var] = columns
        return var

    def _scalars(self, *, sure: bool = False) -> list[Any]:
        if not sure and self.random.random() < 0.7:
            return []
        table = self._tables(1)[0]
        column = self.random.choice(WORLD[table][1])
        return [Scalar(table, column, self.random.choice([column, f"newest {column}"]))]

    def _combined(self, frames: list[str], code: list[Any]) -> str:
        whole = frames[0]
        for other in frames[1:]:
            same = self.columns[whole] == self.columns[other]
            columns = tuple(dict.fromkeys((*self.columns[whole], *self.columns[other])))
            whole = self._derive("concat" if same else "merge", (whole, other), columns, code, share=self._share())
        return whole

    def _changed(self, frame: str, code: list[Any]) -> str:
        for _ in range(self.random.randint(0, 2)):
            columns = self.columns[frame]
            change = self.random.choice(["filter", "select", "rename", "compute", "aggregate"])
            if change == "select" and len(columns) > 1:
                chosen = tuple(c for c in columns if self.random.random() < 0.7) or columns[:1]
                frame = self._derive("select", (frame,), chosen, code)
            elif change == "rename":
                old, new = self.random.choice(columns), self._name("renamed")
                renamed = tuple(new if c == old else c for c in columns)
                frame = self._derive("rename", (frame,), renamed, code)
            elif change == "compute":
                frame = self._derive("compute", (frame,), (*columns, self._name("computed")), code)
            elif change == "aggregate" and len(columns) > 1:
                key = self.random.choice(columns)
                frame = self._derive("aggregate", (frame,), (key, self._name("total")), code, share=self._share())
            else:
                frame = self._derive("filter", (frame,), columns, code, share=self._share())
        return frame

    def _derive(
        self, change: Any, of: tuple[str, ...], columns: tuple[str, ...], code: list[Any], share: float = 1.0
    ) -> str:
        var = self._name("v")
        code.append(Derive(var, change, of, columns, share))
        self.columns[var] = columns
        return var

    def _tables(self, number: int) -> list[str]:
        return self.random.sample(list(WORLD), number)

    def _share(self) -> float:
        return round(self.random.uniform(0.2, 0.95), 2)

    def _target(self) -> str:
        return self._name("out")

    def _name(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}"
