"""Options of DuckDB's `COPY t FROM 'file'`: the function that reads the file as the statement does.

https://duckdb.org/docs/stable/sql/statements/copy
"""

from __future__ import annotations

from prefect_lineage_events.sql.words import Kind, Words

# Formats by the last suffix of a file, and the functions that read them. Values of JSON go by name.
_SUFFIXES = {"csv": "csv", "tsv": "csv", "txt": "csv", "parquet": "parquet"}
_COMPRESSED = frozenset({"gz", "zst"})
_READERS = {"csv": "read_csv", "parquet": "read_parquet"}
_FORMATS = frozenset({"FORMAT", "HEADER", "DELIMITER", "DELIM", "SEP", "AUTO_DETECT"})
_VALUES = {"TRUE": "true", "1": "true", "ON": "true", "FALSE": "false", "0": "false", "OFF": "false"}


def copy_reader(words: Words, at: int, path: str) -> str:
    """The call that reads a file as COPY does, whose location is the word `at`; empty where its columns are not known.

    Its rows have the values in the order of the table's columns.
    """
    options = _options(words, at + 1 + (words.word(at) == "LOCAL"))
    if options is None:
        return ""
    named = options.pop("FORMAT", "") or _suffix(path)
    reader = _READERS.get(named.lower())
    if reader is None or (reader != "read_csv" and options):
        return ""
    location = "'" + path.replace("'", "''") + "'"
    given = [f"{name} = {value}" for name, value in options.items()]
    return f"{reader}({', '.join([location, *given])})"


def _suffix(path: str) -> str:
    *_, last, suffix = ("", *path.lower().rsplit(".", 2)[-2:])
    return _SUFFIXES.get(last if suffix in _COMPRESSED else suffix, "csv" if "." not in path else "")


def _options(words: Words, at: int) -> dict[str, str] | None:
    """The options of a reader by name; None if one of them is not known here."""
    at += words.word(at) == "WITH"
    end = len(words)
    if words.word(at) == "(":
        at, end = at + 1, words.close(at)
    found: dict[str, str] = {}
    while at < end and words.word(at) != ";":
        name = words.word(at)
        if name == ",":
            at += 1
            continue
        if name not in _FORMATS:
            return None
        has_value = at + 1 < end and words.word(at + 1) not in {",", ";"} and words.word(at + 1) not in _FORMATS
        value = words.texts[at + 1] if has_value else "true"
        is_text = has_value and words.kind(at + 1) == Kind.STRING
        if name == "FORMAT":
            found["FORMAT"] = value.strip("'")
        elif name in {"HEADER", "AUTO_DETECT"}:
            known = _VALUES.get(value.strip("'").upper())
            if known is None:
                return None
            found[name.lower()] = known
        elif is_text:
            found["delim"] = "'" + value.strip("'").replace("'", "''") + "'"
        else:
            return None
        at += 1 + has_value
    return found
