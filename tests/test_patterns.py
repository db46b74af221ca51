"""No regular expression of the package backtracks over a text without bound."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import prefect_lineage_events
from tests.backtracking import MOST_BOUNDED, faults, parser, sre

ROOT = Path(prefect_lineage_events.__file__).parent
# Modules whose texts are short: a limited number of characters, one name, one setting. Searching these may take
# quadratic time.
SHORT = {
    "sql.parameterised",
    "credentials",
    "openlineage.errors",
    "datasets",
    "naming",
    "sql.names",
    "sql.catalogs",
    "filters",
    # lines of a plan that polars itself wrote, at most 50,000 characters
    "instrumentation.files.polars.plan",
}
SEARCHES = {"search", "sub", "subn", "finditer", "findall", "split"}


@pytest.mark.parametrize(
    ("pattern", "searched", "expected"),
    [
        (r"(?:\wb|a\w)*c", False, "exponential"),
        (r"(?:a+)+b", False, "exponential"),
        (r"'(?:[^'\\]|''|\\.)*'(?:'[^']*')*x", False, "quadratic"),
        (r"(?:(?:'[^']*'(?:'[^']*')*)|,)*x", False, "exponential"),
        (r"(?:--[^\n]*|[^']|\s)*x", False, "exponential"),
        (r"\s*,?\s*x", False, "quadratic"),
        (r".*a.*b", False, "quadratic"),
        (r"\w+:", True, "quadratic"),
        (r"\w+:", False, ""),
        (r"(?<!\w)\w+:", True, ""),
        (r"(?:[^']|'[^']*')*x", False, ""),
        (r"[^'\\]*(?:\\.[^'\\]*)*'", False, ""),
        (r"(?=(\s*))\1,?\s*x", False, ""),
        (r"a{1,20}a{1,20}b", False, ""),
    ],
)
def test_backtracking_patterns_are_detected(pattern: str, searched: bool, expected: str) -> None:
    found = faults(re.compile(pattern, re.DOTALL), searched)
    assert [fault.split(":")[0].split(" ")[0] for fault in found][:1] == ([expected] if expected else [])


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(prefect_lineage_events.__path__, "prefect_lineage_events."):
        yield importlib.import_module(found.name)


def patterns(module: ModuleType) -> dict[str, re.Pattern[str]]:
    """The compiled patterns of a module by name, and those written into its calls."""
    found: dict[str, re.Pattern[str]] = {}

    def look(name: str, value: object, depth: int) -> None:
        if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
            found[name] = value
        elif depth and isinstance(value, (tuple, list, set, frozenset)):
            for number, item in enumerate(value):
                look(f"{name}[{number}]", item, depth - 1)
        elif depth and isinstance(value, dict):
            for key, item in value.items():
                look(f"{name}[{key!r}]", item, depth - 1)

    for name, value in vars(module).items():
        look(name, value, 3)
    for call in _calls(module):
        if (
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "re"
        ):
            text = call.args[0] if call.args else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and call.func.attr != "compile":
                found[f"re.{call.func.attr} in line {call.lineno}"] = re.compile(text.value)
    return found


def _calls(module: ModuleType) -> list[ast.Call]:
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def searched(module: ModuleType) -> set[str]:
    """Names of patterns with which the module searches texts, instead of matching them at one position."""
    return {
        call.func.value.id
        for call in _calls(module)
        if isinstance(call.func, ast.Attribute) and call.func.attr in SEARCHES and isinstance(call.func.value, ast.Name)
    }


def test_no_pattern_backtracks_without_bound() -> None:
    bad: list[str] = []
    count = 0
    for module in modules():
        names = searched(module)
        for name, pattern in patterns(module).items():
            count += 1
            if module.__name__.removeprefix("prefect_lineage_events.") in SHORT:
                is_searched = False
            else:
                is_searched = name in names or "[" in name or name.startswith(tuple(f"re.{s} " for s in SEARCHES))
            bad += [f"{module.__name__}.{name}: {fault}" for fault in faults(pattern, is_searched)]
    assert count > 100
    assert not bad, "\n".join(sorted(set(bad)))


# Patterns that are applied to a user's whole text, of any length: from each position they read a bounded part of it.
BOUNDED = {
    "instrumentation.tracer": ("_SESSION", "_QUERY", "_INSERT", "_UPDATE"),
    "instrumentation.drivers.snowflake.connector": ("_OWN_UPLOAD", "_BOUND_NAME"),
    "sql.scanner": ("DOLLAR_TAG",),
    "sql.templates": ("_NUMBERED",),
    "sql.redaction.sanitise": ("_FIRST_WORD",),
}


def test_patterns_over_a_whole_text_have_a_bounded_length() -> None:
    for module, names in BOUNDED.items():
        found = patterns(importlib.import_module(f"prefect_lineage_events.{module}"))
        assert set(names) <= set(found)
        for name in names:
            assert parser.parse(found[name].pattern, found[name].flags).getwidth()[1] < 10_000, f"{module}.{name}"
    assert set(patterns(importlib.import_module("prefect_lineage_events.instrumentation.tracer"))) == {
        *BOUNDED["instrumentation.tracer"]
    }


def test_no_pattern_of_the_users_thread_begins_with_an_unbounded_repetition() -> None:
    """A megabyte of blanks is read once, and not again from each blank."""
    short = {"prefect_lineage_events.instrumentation.rowcount"}  # texts of at most 5,000 characters
    for module in modules():
        if not module.__name__.startswith("prefect_lineage_events.instrumentation.") or module.__name__ in short:
            continue
        for name, pattern in patterns(module).items():
            operation, value = parser.parse(pattern.pattern, pattern.flags)[0]
            is_repetition = operation in (sre.MAX_REPEAT, sre.MIN_REPEAT)
            assert not is_repetition or value[1] <= MOST_BOUNDED, f"{module.__name__}.{name}"
