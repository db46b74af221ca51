"""Write `docs/architecture.md` and its image: the path of a statement, and the imports of the rooms.

The imports are read from the code by grimp, which import-linter (`make imports`) uses as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp

from docs import diagram

PAGE = Path(__file__).resolve().parent / "architecture.md"
IMAGE = PAGE.parent / "images" / "architecture.svg"
ALT = "The rooms as boxes, from top to bottom, with arrows to the rooms that they import"
PACKAGE = "prefect_lineage_events"
# Colours of the diagram, by the process in which a room works. A room that is in none of them is shared.
WINGS = {
    "the flow's process": ("plugin", "blocks", "instrumentation", "emission", "context"),
    "the assembler's process": ("flows", "assembler", "delivery", "openlineage", "rendering", "stitching", "history"),
    "commands": ("cli", "doctor", "status", "health", "finding", "deploy", "automations", "serving", "api_errors"),
}
SHARED = "shared by all"

HEAD = f"""\
# Architecture

<!-- Written by docs/make_architecture_page.py from the imports of {PACKAGE}: run it again after a change of imports. -->

## The path of a statement
The package works in two processes that never call each other. Prefect's event history lies between them.

| step | room | process | thread |
|---|---|---|---|
| 1. The flow calls `execute` on a traced connection. | `instrumentation` | the flow's | the user's |
| 2. The run, the task run and the thread of the call are read from Prefect's context. | `context` | the flow's | the user's |
| 3. After success, a note (text, rows, times, session) is put on a bounded queue, and the call returns. | `emission/queue.py` | the flow's | the user's |
| 4. The worker takes the note and finds the statement's tables and columns. | `emission` with `sql` | the flow's | ours, one in each process |
| 5. A write in a transaction is held until the commit. Statements of one shape are coalesced into one event. | `emission` | the flow's | ours |
| 6. The text is redacted, the event is numbered and sent to Prefect. | `emission/exporter.py` | the flow's | ours, and the one of Prefect's events client |
| 7. Prefect stores the event. At the end of the run, an automation starts the assembler; a scheduled sweep finds what the automation missed. | | Prefect's server | |
| 8. All events of the run are read, and the sequence numbers prove that none is missing. | `history` | the assembler's | the main thread |
| 9. Temporary tables are removed, reads and writes joined along the task graph, columns resolved. The result is the run lineage. | `stitching` | the assembler's | the main thread |
| 10. The run lineage becomes OpenLineage events. | `openlineage` | the assembler's | the main thread |
| 11. A profile adapts the events to the target, and the official client sends them to Marquez. | `delivery` | the assembler's | the main thread |
| 12. The lineage and what each target accepted are stored on the run's page; this artifact is the ledger. | `assembler` with `rendering` | the assembler's | the main thread |

A backfill assembles several runs at a time, in threads or Dask workers. `blocks` and `plugin` only switch on
`instrumentation`. `sql`, `stitching`, `rendering` and `openlineage` take values and return values: no input, no output.
The words are explained in the [glossary](glossary.md); [CONTRIBUTING.md](../CONTRIBUTING.md) shows which room a change belongs to.

## Imports between rooms
An arrow is an import at run time. Arrows that follow from others are left out; the table below has all imports. No two rooms
import each other, directly or through others (the script refuses to write the page then), and `.importlinter` fixes the order.
"""


def page() -> str:
    """The whole page. Raises ValueError where rooms import each other in a circle."""
    imports = room_imports()
    return "\n".join([HEAD, f"![{ALT}](images/{IMAGE.name})", "", *_table(imports, _from_the_top(imports))]) + "\n"


def image() -> str:
    """The diagram of the rooms. Raises ValueError where rooms import each other in a circle."""
    imports = room_imports()
    order = _from_the_top(imports)
    return diagram.svg(_wings(order), list(_arrows(imports, order)))


def room_imports() -> dict[str, set[str]]:
    """The other rooms that each room imports. A room is a package, or a module at the top."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules - {PACKAGE}:
        room = module.split(".")[1]
        imported = graph.find_modules_directly_imported_by(module) - {PACKAGE}
        found[room] |= {other.split(".")[1] for other in imported} - {room}
    return dict(found)


def _from_the_top(imports: Mapping[str, set[str]]) -> list[str]:
    """The rooms, each before those that it imports."""
    order: list[str] = []
    while rest := sorted(imports.keys() - set(order)):
        top = [room for room in rest if not any(room in imports[other] for other in rest)]
        if not top:
            raise ValueError(f"these rooms import each other in a circle: {', '.join(rest)}")
        order += top
    return order


def _arrows(imports: Mapping[str, set[str]], order: list[str]) -> Iterator[tuple[str, str]]:
    """The imports that do not follow from others."""
    for room in order:
        for other in sorted(imports[room], key=order.index):
            if not any(other in _reached(imports, between) for between in imports[room] - {other}):
                yield room, other


def _wings(order: list[str]) -> dict[str, list[str]]:
    assigned = {room for rooms in WINGS.values() for room in rooms}
    wings = {wing: [room for room in order if room in rooms] for wing, rooms in WINGS.items()}
    return {**wings, SHARED: [room for room in order if room not in assigned]}


def _reached(imports: Mapping[str, set[str]], room: str) -> set[str]:
    """The rooms that a room imports, by itself or through others."""
    return imports[room].union(*(_reached(imports, other) for other in imports[room]))


def _table(imports: Mapping[str, set[str]], order: list[str]) -> Iterator[str]:
    yield "| room | imports |"
    yield "|---|---|"
    for room in order:
        yield f"| `{room}` | {', '.join(f'`{other}`' for other in sorted(imports[room], key=order.index)) or 'none'} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    IMAGE.write_text(image(), encoding="utf-8")
