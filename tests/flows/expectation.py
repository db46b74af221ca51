"""The expected lineage of a flow, written in YAML beside it, and its differences from the lineage sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from tests.flows.lineage import SentLineage


@dataclass(frozen=True, slots=True)
class ExpectedJob:
    """The expectation for each run of one job, unless `ends` lists several.

    `edges`: all sources of each output; without it, all inputs feed all outputs. `columns`: all direct sources of each
    column that is named. `known`: the evidence of edges into an output. `names`: the full names of datasets. Fields
    that are absent are not compared, except for inputs, outputs and edges, which are compared completely. `idle`: the
    number of last runs without lineage. `description`: that of the job; `file`: that of its code.
    """

    ends: tuple[str, ...] = ("COMPLETE",)
    idle: int = 0
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    edges: Mapping[str, Iterable[str]] | None = None
    columns: Mapping[str, Iterable[str]] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    lifecycle: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    error: str | None = None
    description: str | None = None
    file: str | None = None

    def differences(self, runs: list[SentLineage]) -> Iterator[str]:
        ends = tuple(run.end for run in runs)
        if ends != self.ends:
            yield f"ends {ends}, expected {self.ends}"
        busy = len(runs) - self.idle
        for run in runs[:busy]:
            yield from self._of_run(run)
        for run in runs[busy:]:
            yield from _different("inputs and outputs of the idle", run.inputs | run.outputs, set())

    def _of_run(self, run: SentLineage) -> Iterator[str]:
        yield from _different("inputs", run.inputs, self.inputs)
        yield from _different("outputs", run.outputs, self.outputs)
        edges = self.edges if self.edges is not None else dict.fromkeys(self.outputs, self.inputs)
        expected = {(source, output) for output, sources in edges.items() for source in sources}
        yield from _different("edges", run.edges, expected)
        for column, sources in self.columns.items():
            yield from _different(f"sources of {column}", run.columns.get(column, set()), set(sources))
        for output, how in self.known.items():
            yield from _different(f"edges to {output} are known", run.known.get(output, set()), {how})
        for name, count in self.rows.items():
            yield from _different(f"rows of {name}", {run.rows.get(name)}, {count})
        for name, change in self.lifecycle.items():
            yield from _different(f"change of {name}", {run.lifecycle.get(name)}, {change})
        for name, kind in self.kinds.items():
            yield from _different(f"kind of {name}", {run.kinds.get(name)}, {kind})
        for name, full in self.names.items():
            yield from _different(f"names of {name}", run.names.get(name, set()), {full})
        if run.parent != self.parent:
            yield f"parent {run.parent}, expected {self.parent}"
        for name in ("description", "file"):
            if (expected := getattr(self, name)) and getattr(run, name) != expected:
                yield f"{name} {getattr(run, name)!r}, expected {expected!r}"
        if self.error and self.error not in (run.error or ""):
            yield f"error {run.error!r}, expected {self.error!r} in it"


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation for one program.

    `stores`: where the program runs; `setup`: statements on top of the seed; `env`: its environment variables;
    `settings`: ours, for the program and the assembler; `exit`: its code; `prints`: texts in its output; `events`: the
    maximum number of lineage events of all runs; `needs`: a requirement without which the program itself cannot run;
    `dbt`: it runs in dbt's environment; `services`: what it uses beside the store (`services.py`).
    """

    jobs: Mapping[str, ExpectedJob]
    stores: tuple[str, ...] = ("sqlite",)
    setup: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    exit: int = 0
    prints: str = ""
    events: int | None = None
    needs: str = ""
    dbt: bool = False
    services: tuple[str, ...] = ()

    @classmethod
    def beside(cls, program: Path) -> Expectation:
        written: dict[str, Any] = yaml.safe_load(program.with_suffix(".yaml").read_text())
        _refuse_unknown(program, written, cls)
        jobs = {name: _job(program, job or {}) for name, job in written.pop("jobs").items()}
        lists = {name: tuple(written.pop(name)) for name in ("stores", "setup", "services") if name in written}
        return cls(jobs, **lists, **written)


def _job(program: Path, written: dict[str, Any]) -> ExpectedJob:
    _refuse_unknown(program, written, ExpectedJob)
    ends = written.pop("ends", "COMPLETE")
    sides = {side: frozenset(written.pop(side, [])) for side in ("inputs", "outputs")}
    return ExpectedJob(ends=(ends,) if isinstance(ends, str) else tuple(ends), **sides, **written)


def _refuse_unknown(program: Path, written: Mapping[str, Any], kind: type) -> None:
    """Raise for an unknown key: a misspelled expectation would never be checked."""
    if unknown := written.keys() - {f.name for f in fields(kind)}:
        raise ValueError(f"{program.stem}.yaml: {', '.join(sorted(unknown))} is not known to {kind.__name__}")


def _different(what: str, actual: Iterable[Any], expected: Iterable[Any]) -> Iterator[str]:
    actual, expected = set(actual), set(expected)
    if missing := expected - actual:
        yield f"{what}: missing {sorted(map(str, missing))}"
    if false := actual - expected:
        yield f"{what}: false {sorted(map(str, false))}"
