"""Check of the project's English: `python -m tests.english` prints each fault with its position, and fails if there is one.

A docstring begins with a noun phrase or a verb. Riddles and personifications have plain words instead, in texts and in the
names of classes and functions (CONTRIBUTING.md). So do the package's messages: strings of three words or more. Code in
backticks, code blocks and other strings are not checked.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

_QUESTION = re.compile(r"(What|How|Who|Whose|Whom|Where|Which|When|Why|Whether)\b")
_QUESTION_NAME = re.compile(r"test_(what|how|who|whose|whom|where|which|when|why|whether)_")
# Words of texts that have a plain word instead.
_RIDDLE = re.compile(
    r"\b(nobody|whoever|somebody|someone's|anybody|told|tells|anew|alike|of its own accord|no longer than|"
    r"farewells?|offspring|passports?|weaves?|woven|heals?|healed|healing|"
    r"speaks|remembers|forgets|dies|hears|sleeps)\b",
    re.IGNORECASE,
)
# Words of names that have the field's word instead.
_STRUCK = {
    "alike", "anew", "anybody", "door", "farewell", "giver", "hands", "heal", "kin", "nobody", "offspring", "passport",
    "picture", "pictures", "somebody", "surer", "tell", "tells", "told", "weave", "weaves", "whoever", "woven",
}  # fmt: skip
_WORD_OF_A_NAME = re.compile(r"[A-Z]?[a-z]+")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_CHECKED = ("*.py", "*.md", "*.yaml", "*.yml", "*.toml", "Makefile", ".ci/run", ".importlinter")
_PACKAGE = "prefect_lineage_events/"
# Files that name the words themselves.
EXCEPTIONS = {"tests/english.py", "tests/test_english.py"}


def faults(name: str, text: str) -> list[tuple[int, str]]:
    """Line and description of each fault in a file of Python or Markdown, or in the comments of another file."""
    if name.endswith(".py"):
        found = [*_faults_of_python(text), *(_faults_of_messages(text) if name.startswith(_PACKAGE) else ())]
        return sorted(found)
    return sorted(_faults_of_markdown(text) if name.endswith(".md") else _faults_of_comments(text))


def _faults_of_markdown(text: str) -> Iterator[tuple[int, str]]:
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        is_code ^= line.startswith("```")
        if not is_code:
            yield from _riddles(number, line)


def _faults_of_comments(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from _riddles(number, line.partition("#")[2])


def _faults_of_python(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and (docstring := ast.get_docstring(node, clean=False)):
            line = node.body[0].lineno
            if question := _QUESTION.match(docstring.lstrip()):
                yield line, f"the docstring begins with {question[0]!r}"
            for number, part in enumerate(docstring.split("\n"), line):
                yield from _riddles(number, part)
        if isinstance(node, _DOCUMENTED[1:]):
            words = {word.lower() for word in _WORD_OF_A_NAME.findall(node.name)}
            yield from ((node.lineno, f"the name {node.name!r} contains {word!r}") for word in words & _STRUCK)
            if _QUESTION_NAME.match(node.name):
                yield node.lineno, f"the name {node.name!r} begins with a question word"
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from _riddles(token.start[0], token.string)


def _faults_of_messages(text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    docstrings = {
        node.body[0].value for node in ast.walk(tree) if isinstance(node, _DOCUMENTED) and ast.get_docstring(node)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
        if is_text and node.value.count(" ") > 1:
            yield from _riddles(node.lineno, node.value)


def _riddles(line: int, text: str) -> Iterator[tuple[int, str]]:
    for found in _RIDDLE.finditer(re.sub(r"`[^`]*`", "", text)):
        yield line, f"the word {found[0]!r}"


def main() -> int:
    """Print all faults of the repository's files. Returns 1 if there is one, else 0."""
    listed = subprocess.run(["git", "ls-files", *_CHECKED], capture_output=True, text=True, check=True).stdout
    found = [
        f"{name}:{line}: {fault}"
        for name in listed.splitlines()
        if name not in EXCEPTIONS and Path(name).exists()
        for line, fault in faults(name, Path(name).read_text(encoding="utf-8"))
    ]
    print("\n".join(found) or "no faults", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
