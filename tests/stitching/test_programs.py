"""No edge of a random program is false, and no part of its sources is taken for all."""

from __future__ import annotations

from collections import Counter
from random import Random

from prefect_lineage_events.stitching.model import Lineage
from tests.stitching.interpreter import Interpreter, Truth
from tests.stitching.programs import Writer

PROGRAMS = 1_000


def figures(lineage: Lineage, truth: Truth) -> tuple[Counter[str], list[str]]:
    """The numbers of true and of reported edges and columns, and the faults of the reported ones."""
    reported = {(_table(edge.source.name), _table(edge.target.name)) for edge in lineage.edges}
    true = {(source, target) for target, sources in truth.tables.items() for source in sources}
    columns = {
        (_table(e.source.name), e.source_column, _table(e.target.name), e.target_column)
        for e in lineage.columns
        if e.target_column != "*"
    }
    true_columns = {(*cell, *into) for into, cells in truth.columns.items() for cell in cells}
    unknown = {_table(source.target.name) for source in lineage.unknown if source.rows != "known"}
    unknown_columns = {(_table(s.target.name), name) for s in lineage.unknown for name in s.columns}
    faults = [f"false edge {edge}" for edge in sorted(reported - true - truth.decided)]
    faults += [f"false column edge {edge}" for edge in sorted(columns - true_columns)]
    for target, sources in truth.tables.items():
        found = {source for source, into in reported if into == target}
        if found != sources and target not in unknown:
            faults.append(f"{target} is said to be of {sorted(found)} alone, and is of {sorted(sources)}")
    has_edge = {(target, column) for _, _, target, column in columns}
    for target, column in truth.columns:
        if (target, column) not in has_edge | unknown_columns and target not in unknown:
            faults.append(f"{target}.{column} has no source, and nothing says so")
    return Counter({
        "edges": len(true), "edges found": len(reported & true),
        "column edges": len(true_columns), "column edges found": len(columns & true_columns),
        "targets": len(truth.tables), "targets of unknown source": len(unknown & truth.tables.keys()),
    }), faults  # fmt: skip


def _table(name: str) -> str:
    return name.rpartition(".")[2]


def test_no_edge_is_false() -> None:
    whole: Counter[str] = Counter()
    faults = []
    for seed in range(PROGRAMS):
        random = Random(seed)
        interpreter = Interpreter(random)
        interpreter.run(Writer(random).program())
        for lineage, truth in interpreter.lineages():
            found, wrong = figures(lineage, truth)
            whole += found
            faults += [f"program {seed}: {fault}" for fault in wrong]
    print(
        f"\n{whole['edges found'] / whole['edges']:.1%} of {whole['edges']} edges and"
        f" {whole['column edges found'] / whole['column edges']:.1%} of {whole['column edges']} column edges found;"
        f" {whole['targets of unknown source'] / whole['targets']:.1%} of {whole['targets']} targets said to be unknown"
    )

    assert not faults, "\n".join(faults[:40])
