"""Programs that a command or a shell's script runs and whose work on data is not seen.

Programs of data are known by name. What a script in Python, R, Java or another language does with data cannot be known,
so it is named too; tools of Python that touch none (`python -m pip`) are not. A script of a shell is read, where that
is possible, for the programs that it runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

_MAX_SEARCHED = 10_000
_MAX_WORDS = 200
# Programs that read and write data and send no lineage of their own. `dbt-ol` sends its own.
_PROGRAMS = (
    "dbt", "spark-submit", "psql", "pg_dump", "pg_restore", "mysql", "mysqldump", "mariadb", "sqlite3",
    "duckdb", "sqlcmd", "bcp", "sqlplus", "sqlldr", "snowsql", "snow", "bq", "clickhouse",
    "clickhouse-client", "trino", "beeline", "hdfs", "hadoop", "distcp", "aws", "s3cmd", "s5cmd", "gsutil",
    "gcloud", "azcopy", "rclone", "rsync", "scp", "sftp", "curl", "wget", "mongodump", "mongoimport",
    "mongoexport", "redis-cli", "kcat", "meltano", "sqlmesh", "airbyte", "sling",
)  # fmt: skip
# Programs that may send lineage of their own, with the run as its parent.
SENDERS = ("dbt-ol", "spark-submit")
_FOLDERS = r"(?<![\w./-])(?:[\w./-]{0,200}/)?"
_PROGRAM = _FOLDERS + "(" + "|".join((*_PROGRAMS, *SENDERS)) + r")(?![\w.-])"

_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "pwsh", "powershell")
_LANGUAGE = r"(?:python[\d.]{0,9}|pypy3?|Rscript|julia|java|node|ruby|perl|php|scala|papermill)"
_IS_LANGUAGE = re.compile(_LANGUAGE)
# In a shell's script: an interpreter with what it runs, or a script that is run by its path.
_INTERPRETED = f"{_FOLDERS}((?:{_LANGUAGE}|{'|'.join(_SHELLS)})" + r"[ \t]{1,9}(?:<<|[^;|&<>\n]{1,300}))"
_RUN_BY_PATH = r"(?<![\w./-])[./][\w./-]{0,200}\.(?:sh|py|R|pl)(?![\w.-])"
_IN_SCRIPT = re.compile(f"{_PROGRAM}|{_INTERPRETED}|{_RUN_BY_PATH}")
_SHELL_SCRIPT, _SCRIPTS = ".sh", (".sh", ".py", ".R", ".pl")
# Options of an interpreter that take the next word; `-c`, `-e` and `-m` say what it runs instead of a file.
_CODE, _MODULE, _WITH_VALUE = ("-c", "-e"), "-m", ("-W", "-X", "-cp", "-classpath", "-o")
_SHELL_CODE = re.compile(r"-[a-z]{0,9}c|-Command")
_NO_DATA = (
    "build", "compileall", "ensurepip", "pip", "prefect", "py_compile", "pytest", "uv", "uvicorn", "venv", "virtualenv",
)  # fmt: skip
_QUOTES = "'\""
# Programs that run the program that their arguments name.
_WRAPPERS = (
    "env", "sudo", "nice", "ionice", "nohup", "timeout", "time", "stdbuf", "xargs", "srun", "ssh", "docker",
    "podman", "kubectl", "uv", "uvx", "poetry", "pipenv", "pipx", "hatch", "pdm", "conda", "mamba", "micromamba",
    "npx",
)  # fmt: skip


def programs_of(command: Any, folder: Any = None) -> Iterator[str]:
    """The programs that `subprocess.Popen(command, cwd=folder)` runs, each once.

    A string is a shell's script, a list is a command with its arguments.
    """
    if isinstance(command, str | bytes):
        found = _of_script(os.fsdecode(command)[:_MAX_SEARCHED])
    else:
        words = [command] if isinstance(command, os.PathLike) else islice(command or (), _MAX_WORDS)
        found = _of_words([os.fsdecode(word) for word in words], Path(os.fsdecode(folder or "")))
    return iter(dict.fromkeys(found))


def _of_script(script: str) -> Iterator[str]:
    for found in _IN_SCRIPT.finditer(script):
        program, code = found[1], found[2]
        if program:
            yield program
        else:
            yield from _of_words([word.strip(_QUOTES) for word in (code or found[0]).split()])


def _of_words(words: list[str], folder: Path | None = None) -> Iterator[str]:
    """The programs of a command; with a folder, in which its paths start, also those of a script of a shell."""
    if not words:
        return
    program = PurePath(words[0]).name
    if program in _PROGRAMS or program in SENDERS:
        yield program
    elif program in _SHELLS:
        yield from _of_shell(program, words[1:], folder)
    elif _IS_LANGUAGE.fullmatch(program):
        yield from (f"{program} {code}" for code in _code_of(words[1:]))
    elif program in _WRAPPERS:
        yield from _of_script(" ".join(words[1:])[:_MAX_SEARCHED])
    elif PurePath(program).suffix in _SCRIPTS:
        yield from _of_file(words[0], program, folder)


def _of_shell(shell: str, words: list[str], folder: Path | None) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if _SHELL_CODE.fullmatch(word):
            yield from _of_script(" ".join(rest)[:_MAX_SEARCHED])
        elif word in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith(("-", "<")):
            yield from _of_file(word, f"{shell} {PurePath(word).name}", folder)
            return


def _of_file(file: str, label: str, folder: Path | None) -> Iterator[str]:
    """The programs of a script of a shell; its label if it cannot be read, or is in another language."""
    in_shells_language = PurePath(file).suffix in (_SHELL_SCRIPT, "")
    text = _text_of(folder / file) if folder is not None and in_shells_language else None
    yield from (label,) if text is None else _of_script(text)


def _text_of(file: Path) -> str | None:
    """The text of a regular file that is short; None else. No other kind of file is opened: a pipe would wait."""
    try:
        return file.read_text(errors="replace") if file.is_file() and file.stat().st_size <= _MAX_SEARCHED else None
    except OSError:
        return None


def _code_of(words: list[str]) -> Iterator[str]:
    """The code that an interpreter runs, as `load.py`; nothing if it is none of the user's."""
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif word == _MODULE:
            module = next(rest, "")
            if module.partition(".")[0] not in _NO_DATA:
                yield f"-m {module}"
            return
        elif word in _CODE or word == "-" or not word.startswith("-"):
            yield word if word in _CODE else PurePath(word).name
            return
