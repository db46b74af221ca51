"""Names of the types of columns in results, by the codes of MySQL's protocol, which all its drivers show.

https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
"""

from __future__ import annotations

from typing import Any

# Not 249-252: of one code are the BLOB and the TEXT of each size, which only the character set distinguishes.
_NAMES = {
    0: "decimal",
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    7: "timestamp",
    8: "bigint",
    9: "mediumint",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    15: "varchar",
    16: "bit",
    245: "json",
    246: "decimal",
    247: "enum",
    248: "set",
    253: "varchar",
    254: "char",
    255: "geometry",
}


def type_name(code: Any) -> str | None:
    """The name of a type in SQL; None where the code stands for several."""
    return _NAMES.get(code)
