"""Uses of files that two libraries noted: one opened the file, another one read or wrote a frame through it.

`with fsspec.open(url) as file: pandas.read_csv(file)` is one read. The library that opens knows neither columns nor
rows, and its note beside the other's would leave the whole without them.
"""

from __future__ import annotations

from collections.abc import Sequence

from prefect_lineage_events.stitching.steps import Scope, Step

_Key = tuple[frozenset[Scope], str]


def without_bare_uses(steps: Sequence[Step]) -> list[Step]:
    """The steps without reads and writes of a file that another one, right after or before, describes better."""
    dropped: set[int] = set()
    bare_reads: dict[_Key, list[int]] = {}
    writes: dict[_Key, bool] = {}
    for number, step in enumerate(steps):
        if step.output is not None:
            key = (step.scopes, step.output.uri)
            if step.operation == "write" and _is_bare(step) and writes.get(key):
                dropped.add(number)
            elif step.operation == "write":
                writes[key] = step.evidence == "recorded" and not _is_bare(step)
                bare_reads.clear()
        elif step.operation == "read" and len(step.inputs) == 1:
            key = (step.scopes, step.inputs[0].uri)
            if _is_bare(step):
                bare_reads.setdefault(key, []).append(number)
            elif step.evidence == "recorded":
                dropped.update(bare_reads.pop(key, ()))
            writes.pop(key, None)
    return [step for number, step in enumerate(steps) if number not in dropped]


def _is_bare(step: Step) -> bool:
    """Return whether a library noted a read or write of a file, and knew neither columns nor rows nor sources."""
    file = step.output or step.inputs[0]
    described = step.result_columns or step.columns or file.columns or step.info.rows is not None
    is_noted = step.evidence == "recorded" and file.kind == "file" and bool(step.info.reason)
    return is_noted and not described and not (step.output and step.inputs)
