"""Datasets that the names in a statement refer to: tables, stages, files.

The walk over the tree and the recovery from words both use this file, so that one dataset has one name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.naming import fold
from prefect_lineage_events.sql.attach import UNKNOWN, may_be_of_account
from prefect_lineage_events.sql.catalogs import is_catalog, is_catalog_name
from prefect_lineage_events.sql.context import Context
from prefect_lineage_events.sql.identifiers import (
    LOCAL_PARTS,
    complete,
    leaves_out_database,
    leaves_out_schema,
    split_identifier,
)
from prefect_lineage_events.sql.locations import ADDRESS, clean_location
from prefect_lineage_events.sql.model import TableRef
from prefect_lineage_events.sql.search_path import GUESSED
from prefect_lineage_events.sql.temporary_names import is_temporary, temporary_parts

_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.\-]*:/")
_FILE = re.compile(
    r"\.(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|avro|orc|xlsx|arrow|feather|db|duckdb|geojson|shp)(\.(gz|zst|bz2))?$",
    re.IGNORECASE,
)
# The stages into which Snowflake's connector uploads a DataFrame (`write_pandas`), of versions 4 and 5.
_STAGES_OF_THE_PROGRAM = ("SNOWPARK_TEMP_STAGE_", "__WRITE_PANDAS_STAGE_")


def location_position(function: str) -> int:
    """The index of a reader's location among its arguments: 0, or 1 after a cluster's name.

    clickhouse.com/docs: s3Cluster
    """
    return int(function.lower().endswith("cluster"))


def location_in(function: str, texts: Sequence[str]) -> str:
    """The location that the first texts of a reader's arguments name.

    One of Azure has the account's address, the container and the path apart. clickhouse.com/docs: azureBlobStorage
    """
    if len(texts) < 3 or not function.lower().startswith("azureblobstorage") or "://" not in texts[0]:
        return texts[0]
    return "/".join((texts[0].partition("?")[0].rstrip("/"), texts[1].strip("/"), texts[2].lstrip("/")))


# `format.`path`` names a file (docs.databricks.com: "Query files by path", spark.apache.org: "Run SQL on files")
_PATH_FORMATS = frozenset({"parquet", "delta", "csv", "json", "orc", "avro", "text", "binaryfile", "iceberg", "xml"})

# Functions that move data between tables: the positions of source and target (docs.vertica.com: Partition functions,
# COPY_TABLE)
MOVES = {
    "SWAP_PARTITIONS_BETWEEN_TABLES": (0, 3),
    "MOVE_PARTITIONS_TO_TABLE": (0, 3),
    "COPY_PARTITIONS_TO_TABLE": (0, 3),
    "COPY_TABLE": (0, 1),
}

Part = tuple[str, bool]  # a name's part as written, and whether in quotes

# A table that a connection string, which is never shown, or a secret names: its identity is not known.
HIDDEN = TableRef(kind="other", path="?")
HIDDEN_REASON = "a connection string, a secret, a catalog, a server or a setting says where its data is"


REMOTE_SCHEMA = "the schema of a table of a linked server is left to the server"
PERHAPS_MADE = "whether a text that failed has made or dropped a temporary table of that name is not known"

# Values that are written like names (postgresql.org: Functions without parentheses, reserved as names of tables)
_VALUES = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_role", "current_user"}
    | {"session_user", "system_user", "user", "current_catalog", "current_schema"}
)
# `t$20240101` is a partition of t (cloud.google.com/bigquery/docs/managing-partition-data: partition decorators)
_DECORATOR = re.compile(r"(?<=.)\$\w+$")


def is_hidden(table: TableRef | None) -> bool:
    """True for HIDDEN. Most tables differ from it by their kind already."""
    return table is not None and table.kind == HIDDEN.kind and table == HIDDEN


def is_value(parts: Sequence[Part], dialect: str) -> bool:
    """True if a name is that of a value and not of a table, as in `FROM current_date`."""
    return dialect_of(dialect).value_tables and len(parts) == 1 and not parts[0][1] and parts[0][0].lower() in _VALUES


def is_substituted(parts: Sequence[Part], dialect: str) -> bool:
    """True if the name contains a variable of the client (docs.oracle.com: SQL*Plus, substitution variables)."""
    return dialect_of(dialect).is_plsql and any("&" in text for text, _ in parts)


def table_of(parts: Sequence[Part], context: Context) -> TableRef:
    """The table or file with a name of these parts, in the store's own case and completed with the defaults."""
    dialect = context.dialect
    if (len(parts) > 1 or parts[0][1]) and any(quoted and ADDRESS.search(text) for text, quoted in parts):
        cleaned = [clean_location(text) if quoted and ADDRESS.search(text) else text for text, quoted in parts]
        if None in cleaned:
            return HIDDEN
        parts = [(text or "", quoted) for text, (_, quoted) in zip(cleaned, parts, strict=True)]
    if dialect == "bigquery":
        return _of_bigquery(parts, context)
    name, quoted = parts[-1]
    facts = dialect_of(dialect)
    if quoted and facts.file_tables and len(parts) == 1 and (_FILE.search(name) or _URL.match(name)):
        return TableRef(kind="file", path=name)
    is_path = quoted and facts.path_tables and len(parts) == 2 and "/" in name
    if is_path and parts[0][0].lower() in _PATH_FORMATS:
        return TableRef(kind="file", path=name)
    folded = [fold(text, q, dialect) for text, q in parts]
    if not facts.keeps_spelling:
        return _table(folded, context)
    return _table(folded, context, complete([text for text, _ in parts], context, as_spelled=True))


def _of_bigquery(parts: Sequence[Part], context: Context) -> TableRef:
    """The table of a name whose quotes may contain several parts, and which may end with a partition decorator."""
    pieces = [(piece, quoted) for text, quoted in parts for piece in text.partition("?")[0].split(".")]
    last, quoted = pieces[-1]
    if "$" in last:
        pieces[-1] = _DECORATOR.sub("", last), quoted
    return _table([fold(text, q, context.dialect) for text, q in pieces], context)


def _table(folded: Sequence[str], context: Context, spelling: tuple[str, ...] = ()) -> TableRef:
    """The table of a folded name. A temporary table takes precedence over a lasting one of the same name."""
    if not folded[-1]:
        return HIDDEN  # `""`, left over by a template
    own = temporary_parts(folded, context)
    if own is not None:
        return TableRef(own, temporary=True, doubt=PERHAPS_MADE if own in context.doubtful else "")
    if _is_of_the_catalog(folded, context):
        return TableRef(tuple(folded))
    if context.schema_lost and len(folded) == 1:
        return HIDDEN
    doubt = ""
    if len(folded) > LOCAL_PARTS:
        if leaves_out_database(folded, context.dialect):
            return HIDDEN
        doubt = REMOTE_SCHEMA if leaves_out_schema(folded, context.dialect) else ""
    if context.search_path is not None and len(folded) == 1:
        schema, is_guess = context.search_path.schema_of(folded[0], lambda parts: complete(parts, context))
        folded, spelling, doubt = (schema, *folded), (), GUESSED if is_guess else ""
    if context.database_lost and len(folded) == 2 and not is_catalog(TableRef(tuple(folded)), context.dialect):
        return HIDDEN
    parts = complete(folded, context)
    if len(folded) == 2 and folded[0].lower() in context.attached:
        parts = tuple(folded)
    attached = context.attached.get(parts[0].lower()) if len(parts) > 1 else None
    if len(folded) == 1 and _is_attached_table(folded[0], context):
        return HIDDEN
    if len(folded) > 1 and _is_in_account(folded[0], context):
        return HIDDEN
    if attached is not None and attached.holds(parts[1:]):
        return attached.table(parts[1:]) or HIDDEN
    temporary = is_temporary(parts, context)
    if temporary:
        doubt = PERHAPS_MADE if parts in context.doubtful else ""
    table = TableRef(parts, temporary=temporary, spelling=() if spelling == parts else spelling, doubt=doubt)
    return replace(table, doubt="") if doubt and is_catalog(table, context.dialect) else table


def _is_of_the_catalog(folded: Sequence[str], context: Context) -> bool:
    """True if the name, as written, is that of a table of the store's catalog. A table that was made is a user's."""
    if context.is_new:
        return False
    is_made = bool(context.made) and complete(folded, context) in context.made
    return is_catalog_name(folded, context.dialect, is_made=is_made)


def _is_attached_table(name: str, context: Context) -> bool:
    """True if the name is that of an attached table (duckdb.org: ATTACH of a Delta table)."""
    return dialect_of(context.dialect).attaches == "any" and context.attached.get(name.lower()) == UNKNOWN


def _is_in_account(name: str, context: Context) -> bool:
    """True if the name before a table's may be that of a database of an account that is attached as a whole."""
    is_created = context.search_path is not None and name in context.search_path.created
    return name != context.database and not is_created and may_be_of_account(name, context.attached)


def named_by(text: str, context: Context) -> TableRef | None:
    """The table, stage or URL that a text names, as in `IDENTIFIER('db.t')` or `TABLE('t')`; None otherwise."""
    text = text.strip()
    if text.startswith("@"):
        return stage_of(text, context)
    if _URL.match(text):
        return location_of(text, context)
    parts = split_identifier(text, context.dialect)
    if not parts:
        return None
    return _table(parts, context)


def text_item(text: str, context: Context) -> TableRef | None:
    """The dataset of a text among tables: a location, or a table's name; None for any other text."""
    if dialect_of(context.dialect).texts_may_name_tables:
        return table_of([(text, True)], context)
    return location_of(text, context) if dialect_of(context.dialect).text_tables or text.startswith("@") else None


def variable_of(name: str) -> TableRef:
    """A table variable of T-SQL: a table of its own that ends with the batch (learn.microsoft.com: table)."""
    return TableRef(("@" + name.lower(),), temporary=True)


def stage_of(text: str, context: Context) -> TableRef:
    """A Snowflake stage: `@db.sch.stage/dir/file`, `@~/dir` (the user's own) or `@%table/dir` (a table's own).

    A query string is no part of its path, and may hold a token.
    """
    name, _, path = text.strip().removeprefix("@").partition("?")[0].partition("/")
    if name == "~" or not name:
        return TableRef(("~",), "stage", path)
    *above, last = _stage_parts(name)
    table = last.startswith("%")
    parts = [fold(p, q, context.dialect) for p, q in [*above_with_quotes(above), unquoted(last.removeprefix("%"))]]
    if table:
        parts[-1] = "%" + parts[-1]
    stage = TableRef(complete(parts, context), "stage", path)
    return replace(stage, temporary=stage.key in context.temporary or is_client_side(stage))


def is_client_side(table: TableRef) -> bool:
    """True for a temporary stage that exists only while rows of the program are copied."""
    return table.kind == "stage" and table.parts[-1].startswith(_STAGES_OF_THE_PROGRAM)


def above_with_quotes(parts: Sequence[str]) -> list[Part]:
    return [unquoted(p) for p in parts]


def unquoted(text: str) -> Part:
    """A part of a name, and whether it was quoted."""
    if len(text) > 1 and text[0] in '"`[' and text[-1] in '"`]':
        return text[1:-1], True
    return text, False


def _stage_parts(name: str) -> list[str]:
    """`db..st` has an empty part."""
    return re.findall(r'"(?:[^"]|"")*"|[^."]+|(?<=\.)(?=\.)', name) or [name]


def location_of(text: str, context: Context) -> TableRef | None:
    """The dataset at a quoted location of COPY, UNLOAD or LOCATION.

    A stage, or a path or URL without its credentials; HIDDEN for any other text.
    """
    text = text.strip()
    if not text:
        return None
    if text.startswith("@"):
        return stage_of(text, context)
    path = clean_location(text)
    return HIDDEN if path is None else TableRef(kind="file", path=path)
