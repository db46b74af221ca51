"""DataHub's words for types of columns. Pure."""

from __future__ import annotations

import re

_SPACE = re.compile(r"\s+")

# The words of `convertOlFieldTypeToDHFieldType`, first those that every version knows: it takes any other spelling,
# capitals included, for no type.
_WORDS = {
    "string": (
        "bpchar", "char", "char varying", "character", "character varying", "citext", "clob", "fixedstring",
        "json", "jsonb", "longtext", "mediumtext", "nchar", "ntext", "nvarchar", "nvarchar2", "object", "string",
        "text", "tinytext", "uniqueidentifier", "uuid", "varchar", "varchar2", "variant", "xml",
    ),
    "int": (
        "byte", "byteint", "int", "int16", "int2", "int32", "int4", "int8_t", "integer", "mediumint", "serial", "short",
        "smallint", "tinyint", "uint16", "uint32", "uint8",
    ),
    "long": ("bigint", "bigserial", "hugeint", "int64", "int8", "long", "uint64", "ubigint"),
    "timestamp": (
        "datetime", "datetime2", "datetimeoffset", "smalldatetime", "timestamp", "timestamp with local time zone",
        "timestamp with time zone", "timestamp without time zone", "timestamp_ltz", "timestamp_ntz", "timestamp_tz",
        "timestampltz", "timestampntz", "timestamptz",
    ),
    "struct": ("record", "row", "struct"),
    "boolean": ("bit", "bool", "boolean"),
    "bytes": ("binary", "blob", "bytea", "bytes", "image", "long raw", "longblob", "raw", "varbinary"),
    "decimal": ("bignumeric", "dec", "decimal", "fixed", "money", "number", "numeric", "smallmoney"),
    "double": ("double", "double precision", "float64", "float8"),
    "float": ("float", "float32", "float4", "real"),
    "date": ("date", "date32"),
    "time": ("time", "time with time zone", "time without time zone", "timetz"),
    "array": ("array", "list"),
    "map": ("map",),
    "enum": ("enum",),
}  # fmt: skip
_BY_NAME = {name: word for word, names in _WORDS.items() for name in names}


def type_name(spelled: str) -> str:
    """Return DataHub's word for a type: `VARCHAR(16)` gives `string`, `int[]` gives `array`, others in lower case."""
    whole = _SPACE.sub(" ", spelled.strip().lower())
    if whole.endswith("]"):
        return "array"
    outer, opened, rest = whole.partition("(")
    outer, _, _ = outer.partition("<")
    # Of `timestamp(3) with time zone`, what follows the length belongs to the type.
    after = rest.partition(")")[2].strip() if opened else ""
    bare = f"{outer.strip()} {after}".strip()
    return _BY_NAME.get(bare) or _BY_NAME.get(outer.strip()) or whole
