"""One spelling of a column's type, whoever told it.

Marquez cannot hold two types of a column: from the second one on, `/column-lineage` of that column answers 500 for
good. The same type comes in several spellings, though: as a statement declared it (`int`), as the store has it
(`INTEGER`), as a driver describes a result (`VARCHAR(16)`). A length or precision is left out, since widening a column
makes no other type of it.
"""

from __future__ import annotations

import re

_SPACE = re.compile(r"\s+")
# Parentheses that hold a length: not the fields of a struct.
_LENGTH = re.compile(r"(?<!\s)\s*\(\s*(?:[0-9]+|max)\s*(?:(?:byte|char)\s*)?(?:,\s*-?[0-9]+\s*)*\)", re.IGNORECASE)

# Synonyms of the SQL standard and of the stores that have them, by the name that is sent.
_SYNONYMS = {
    "BIGINT": ("INT8",),
    "BOOLEAN": ("BOOL",),
    "CHAR": ("CHARACTER", "BPCHAR"),
    "DECIMAL": ("DEC", "NUMERIC"),
    "DOUBLE": ("DOUBLE PRECISION", "FLOAT8"),
    "INTEGER": ("INT", "INT4"),
    "REAL": ("FLOAT4",),
    "SMALLINT": ("INT2",),
    "TIME": ("TIME WITHOUT TIME ZONE",),
    "TIME WITH TIME ZONE": ("TIMETZ",),
    "TIMESTAMP": ("TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ", "TIMESTAMPNTZ"),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMPTZ", "TIMESTAMP_TZ"),
    "VARCHAR": ("CHARACTER VARYING", "CHAR VARYING", "NVARCHAR"),
}
_ONE_NAME = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}


def type_name(spelled: str) -> str:
    """`int` and `INTEGER` are `INTEGER`; `varchar(16)[]` is `VARCHAR[]`.

    What is no known type stays, in capitals; what has types inside stays as it is, since names may be inside, too.
    """
    bare = _SPACE.sub(" ", _LENGTH.sub("", spelled)).strip()
    if any(mark in bare for mark in "(<"):
        return bare
    element, array = bare.upper(), ""
    while element.endswith("]") and (opened := element[:-1].rstrip()).endswith("["):
        element, array = opened[:-1].rstrip(), f"[]{array}"
    return _ONE_NAME.get(element, element) + array
