"""Costs of SQL analysis: tables, columns, a repeated text, sanitising; each also as a ratio within this run.

    python -m benchmarks.sql [--rounds 5] [--suite NAME]

The statements are the cases of `tests/sql`, or, if it is present, a corpus in a folder beside the repository. Ratios
are to sqlglot's bare parsing of the same statements, so that they mean the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from sqlglot.dialects.dialect import Dialect  # noqa: E402  (the repository has to be on the path)
from sqlglot.errors import SqlglotError  # noqa: E402

from prefect_lineage_events.sql import analyze, session  # noqa: E402
from prefect_lineage_events.sql.lexer import tokenize  # noqa: E402
from prefect_lineage_events.sql.splitting.statements import split  # noqa: E402

Text = tuple[str, str]  # a statement and its dialect


def corpus(suite: str) -> tuple[str, list[Text]]:
    """The source of the statements, and the statements."""
    directory = REPOSITORY.parent / "shared" / "sqlbench" / "corpus"
    texts: list[Text] = []
    for path in sorted(p for p in directory.glob("*.jsonl") if suite in p.name):
        items = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        texts += [(item["sql"], item["dialect"]) for item in items]
    if texts:
        return "the corpus of sqlbench", texts
    from tests.sql.columns.cases_queries import QUERIES
    from tests.sql.columns.cases_statements import STATEMENTS

    cases = [case for table in (QUERIES, STATEMENTS) for group in table.values() for case in group]
    return "the cases of tests/sql", [(case.sql, case.dialect) for case in cases]


def timed(function: Callable[[Text], object], texts: Sequence[Text], rounds: int) -> list[float]:
    """Microseconds of each statement, the best of the rounds, because other load of the machine is not its cost."""
    best = [float("inf")] * len(texts)
    for _ in range(rounds):
        session._CACHE.clear()
        for i, text in enumerate(texts):
            started = time.perf_counter_ns()
            function(text)
            best[i] = min(best[i], (time.perf_counter_ns() - started) / 1_000)
    return best


def parse(text: Text) -> None:
    try:
        Dialect.get_or_raise(text[1]).parse(text[0])
    except (SqlglotError, TypeError, RecursionError):
        return  # a statement that the parser refuses takes time as well


def cached(texts: Sequence[Text], rounds: int) -> float:
    """Microseconds of a repeated text, on average of the best round."""
    few = texts[:500]
    best = float("inf")
    for sql, dialect in few:
        analyze(sql, dialect=dialect)
    for _ in range(rounds):
        started = time.perf_counter_ns()
        for sql, dialect in few:
            analyze(sql, dialect=dialect)
        best = min(best, (time.perf_counter_ns() - started) / 1_000 / len(few))
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many counts (default: 5)")
    parser.add_argument("--suite", default="", help="only files of the corpus whose name contains this")
    options = parser.parse_args()
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    name, texts = corpus(options.suite)
    what: dict[str, Callable[[Text], object]] = {
        "sqlglot: tokenise": lambda t: tokenize(t[0], t[1]),
        "sqlglot: parse": parse,
        "cut into statements": lambda t: split(t[0], t[1]),
        "... and sanitise, fingerprint": lambda t: [(p.sanitised, p.fingerprint) for p in split(t[0], t[1])],
        "analyse tables": lambda t: analyze(t[0], dialect=t[1], columns=False),
        "analyse columns": lambda t: analyze(t[0], dialect=t[1], columns=True),
    }
    for text in texts[:200]:
        analyze(text[0], dialect=text[1])
    results = {label: timed(function, texts, options.rounds) for label, function in what.items()}
    base = results["sqlglot: parse"]
    print(f"{len(texts)} statements, {name}; best of {options.rounds}; microseconds\n")
    print(f"{'':32}{'median':>9}{'p95':>9}{'p99':>9}{'mean':>9}   of parsing (median, mean)")
    for label, times in results.items():
        cuts = statistics.quantiles(times, n=100)
        mean = statistics.fmean(times)
        ratios = f"{statistics.median(times) / statistics.median(base):8.2f} {mean / statistics.fmean(base):8.2f}"
        print(f"{label:32}{cuts[49]:9.1f}{cuts[94]:9.1f}{cuts[98]:9.1f}{mean:9.1f}   {ratios}")
    again = cached(texts, options.rounds)
    print(f"{'the same text again':32}{again:9.2f}{'':27}   {again / statistics.median(base):8.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
