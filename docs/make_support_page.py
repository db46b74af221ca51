"""Write `docs/support.md` from the rows of libraries and the tests that they name. python docs/make_support_page.py"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from prefect_lineage_events.instrumentation.libraries import LIBRARIES
from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.uncovered import UNCOVERED
from prefect_lineage_events.settings import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "support.md"

HEAD = """\
# Supported libraries

<!-- Written by docs/make_support_page.py from the rows of the libraries and from their tests: change these, then run it again. -->

`instrument()` and the plugin capture the calls of these libraries without a changed line, each from its import on, in flow
and task runs only. `PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT` takes `true`, or a list of families; in code,
`instrument("databases", "files")`. [Capture](capture.md) explains the rules. The last two columns name the tests that show
the capture of a library, with their number, and the real thing or the stand-in that they use.
"""

UNCOVERED_HEAD = """
## Not captured

A run that uses one of these libraries names it on its page, in its `prefect_run` facet (`notCaptured`) and in the event
`lineage.closed`. Record such reads and writes by [the SDK](write-your-own.md). `prefect-lineage doctor` lists the installed
libraries of both kinds.
"""


def page() -> str:
    parts = [HEAD]
    for family in FAMILIES:
        rows = [library for library in LIBRARIES if library.family == family]
        if rows:
            parts.append(f"\n## {family.capitalize()}\n\n" + "".join(map(_line, _family(rows))))
    names = ", ".join(f"`{name}`" for name in sorted({library.package for library in UNCOVERED}, key=str.lower))
    return "".join(parts) + f"{UNCOVERED_HEAD}\n{names}\n"


def _family(rows: Iterable[Library]) -> Iterator[tuple[str, ...]]:
    yield "library", "captured", "not captured", "shown by", "against"
    yield ("---",) * 5
    merged: dict[tuple[str, str, str], list[Library]] = {}
    for library in rows:
        merged.setdefault((library.package, library.captured, library.not_captured), []).append(library)
    for (package, captured, not_captured), same in merged.items():
        tests = dict.fromkeys(test for library in same for test in library.tests)
        against = dict.fromkeys(library.against for library in same if library.against)
        yield f"`{package}`", captured, not_captured, ", ".join(map(_test, tests)), "; ".join(against)


def _test(path: str) -> str:
    """A link to a test file, with the number of its tests; a whole flow is one test."""
    source = (ROOT / path).read_text(encoding="utf-8")
    number = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for node in ast.walk(ast.parse(source))
    )
    name = Path(path).stem
    return f"[{name}](../{path})" + (f" ({number})" if number else " (whole flow)")


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
