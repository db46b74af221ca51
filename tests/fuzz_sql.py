"""Fuzzing of `prefect_lineage_events.sql` by mutated statements: a target to run, not a test.

    python tests/fuzz_sql.py [--seconds 60] [--seed 1]

Each statement is analysed in a child process, so a hang or a crash does not end the report. The promises: `analyze`
never raises and ends within a second; sanitising twice changes nothing and shows no literal; the tokens of a piece are
within its text. A statement that breaks a promise is shortened and printed. It belongs in a table of cases then.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

MARK = "zqxhunter2"
SECONDS_EACH = 1.0
DIALECTS = ["", "snowflake", "postgres", "bigquery", "redshift", "databricks", "mysql", "sqlite", "duckdb", "tsql"]
DIALECTS += ["oracle", "trino", "clickhouse", "spark", "hive"]
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\w+|\s+|.", re.DOTALL)


def seeds() -> list[str]:
    """Statements to start from: our own cases and, if it is present, the corpus of the benchmarks."""
    from tests.sql.redaction.test_sanitise import SECRET_SHAPES, SHOWN
    from tests.sql.splitting.test_statements import CUTS, READABLE

    found = [shape.replace("{}", "a") for shape in SECRET_SHAPES]
    found += [case[2] for table in (SHOWN, CUTS, READABLE) for case in table]
    for corpus in sorted((REPOSITORY.parent / "shared" / "sqlbench" / "corpus").glob("*.jsonl")):
        found += [json.loads(line)["sql"] for line in corpus.read_text(encoding="utf-8").splitlines()]
    return [text for text in found if len(text) < 4_000]


def mutants(rng: random.Random) -> Iterator[str]:
    """Endless statements: seeds with words taken out, doubled, swapped, nested, spliced, cut off, or made strange."""
    from tests.sql.redaction.test_sanitise import FRAGMENTS

    texts = seeds()
    while True:
        words = _TOKEN.findall(rng.choice(texts))
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            if not words:
                break
            rng.choice(MUTATIONS)(words, rng, texts, FRAGMENTS)
        yield "".join(words)


Mutation = Callable[[list[str], random.Random, list[str], list[str]], None]


def _delete(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    start = rng.randrange(len(words))
    del words[start : start + rng.choice((1, 1, 2, 5))]


def _insert(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    words.insert(rng.randrange(len(words) + 1), rng.choice((" ", "")) + rng.choice(fragments) + rng.choice((" ", "")))


def _swap(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    i, j = rng.randrange(len(words)), rng.randrange(len(words))
    words[i], words[j] = words[j], words[i]


def _double(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    start = rng.randrange(len(words))
    part = words[start : start + rng.choice((1, 3, 8))]
    words[start:start] = part * rng.choice((1, 1, 2, 40))


def _splice(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    other = _TOKEN.findall(rng.choice(texts))
    words[rng.randrange(len(words)) :] = other[rng.randrange(len(other) + 1) :]


def _nest(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    start = rng.randrange(len(words))
    end = rng.randrange(start, len(words)) + 1
    depth = rng.choice((1, 2, 30))
    opening, closing = rng.choice(
        (("(", ")"), ("(select ", ")"), ("case when a then ", " end"), ("f(", ")"), ("[", "]"))
    )
    words[start:end] = [opening * depth, *words[start:end], closing * depth]


def _truncate(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    del words[rng.randrange(len(words)) :]


def _character(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    i = rng.randrange(len(words))
    words[i] = (
        words[i][: len(words[i]) // 2] + rng.choice("'\"`;\\$@:%&{}()[]#-/*\n\x00\u00a0é\U0001f600") + words[i][1:]
    )


def _follow(words: list[str], rng: random.Random, texts: list[str], fragments: list[str]) -> None:
    words += [rng.choice((";", ";\n", "\nGO\n", " union all ", " ")), rng.choice(texts)]


MUTATIONS: list[Mutation] = [_delete, _insert, _swap, _double, _splice, _nest, _truncate, _character, _follow]


def broken_promise(text: str, dialect: str) -> str:
    """The promise that the statement breaks; empty when it breaks none."""
    from prefect_lineage_events.sql import analyze
    from prefect_lineage_events.sql.splitting.statements import split
    from tests.sql.redaction.sanitised import sanitise

    for columns in (False, True):
        started = time.process_time()
        try:
            analyze(text, dialect=dialect, database="db", schema="s", columns=columns)
        except BaseException as error:
            return f"analyze raised {type(error).__name__}: {error}"
        if time.process_time() - started > SECONDS_EACH:
            return f"took {time.process_time() - started:.1f} s{' with columns' if columns else ''}"
    for piece in split(text, dialect):
        once = piece.sanitised
        if sanitise(once, dialect) != once:
            return f"sanitising again changes {once!r} to {sanitise(once, dialect)!r}"
        if any(not 0 <= token.start <= token.end < len(piece.prepared) for token in piece.tokens or ()):
            return "a token lies outside of its text"
    planted = re.sub(r"(?<=[\s(,=])'[^'\\]*'(?=[\s),;]|$)", f"'{MARK}'", text)
    if planted != text and "{{" not in text and MARK in _unquoted(_without_locations(planted, dialect)):
        return f"a literal is shown: {sanitise(planted, dialect)!r}"
    return ""


def _without_locations(planted: str, dialect: str) -> str:
    """The text as it is shown, without the literals at which the statement reads or writes a dataset."""
    from prefect_lineage_events.sql import analyze
    from tests.sql.redaction.sanitised import sanitise

    shown = sanitise(planted, dialect)
    for statement in analyze(planted, dialect=dialect):
        for table in (*statement.inputs, *statement.outputs):
            if MARK in table.path:
                shown = shown.replace(f"'{table.path}'", "")
    return shown


def _unquoted(shown: str) -> str:
    """The text without quoted names, and without literals that name datasets: both are shown on purpose."""
    return re.sub(
        r"\"[^\"]*\"|`[^`]*`|\[(?:[^\]]|\]\])*\]|(?:table|identifier)\s*\(\s*'[^']*'", "", shown, flags=re.IGNORECASE
    )


def shortest(text: str, dialect: str, promise: str) -> str:
    """The statement without all parts that are not needed to break the same promise."""
    kind = promise.split(" ", 2)[:2]
    words = _TOKEN.findall(text)
    size = max(len(words) // 2, 1)
    deadline = time.monotonic() + 10
    while size and time.monotonic() < deadline:
        start = 0
        while start < len(words) and time.monotonic() < deadline:
            shorter = words[:start] + words[start + size :]
            if broken_promise("".join(shorter), dialect).split(" ", 2)[:2] == kind:
                words = shorter
            else:
                start += size
        size //= 2
    return "".join(words)


def child(seed: int, seconds: float, current: Path) -> None:
    """Try statements; print each first, so that the parent knows which one ended the process."""
    rng = random.Random(seed)
    tried = 0
    deadline = time.monotonic() + seconds
    for text in mutants(rng):
        if time.monotonic() > deadline:
            break
        dialect = rng.choice(DIALECTS)
        current.write_text(json.dumps([dialect, text]), encoding="utf-8")
        tried += 1
        promise = broken_promise(text, dialect)
        if promise:
            short = shortest(text, dialect, promise)
            print(json.dumps([dialect, short, broken_promise(short, dialect)]), flush=True)
    print(json.dumps(tried), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.seed, options.seconds, Path(options.child))
        return 0
    findings: dict[str, list[str]] = {}
    deadline = time.monotonic() + options.seconds
    tried, seed = 0, options.seed
    with tempfile.TemporaryDirectory() as directory:
        current = Path(directory) / "statement"
        while (left := deadline - time.monotonic()) > 1:
            command = [sys.executable, __file__, "--child", str(current), "--seed", str(seed)]
            command += ["--seconds", str(min(left, 20))]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=left + 30, check=False)
                output, ended = done.stdout, "died" if done.returncode else ""
            except subprocess.TimeoutExpired as error:
                output, ended = (error.stdout or b"").decode(), "hung"
            for line in map(json.loads, output.splitlines()):
                if isinstance(line, int):
                    tried += line
                else:
                    findings.setdefault(line[2][:60], line)
            if ended:
                dialect, text = json.loads(current.read_text(encoding="utf-8"))
                findings.setdefault(f"{ended} {seed}", [dialect, text, f"the process {ended}"])
            seed += 1
    for dialect, text, promise in findings.values():
        print(f"{dialect or 'generic'}: {promise}\n    {text!r}")
    print(f"{tried} statements, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
