"""Comments that the server runs: `/*!50001 ... */` of MySQL, `/*M!100100 ... */` of MariaDB, as dumps have them.

Source: dev.mysql.com/doc/refman/8.4/en/comments.html, mariadb.com/kb/en/comment-syntax.
"""

from __future__ import annotations

import re

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.scanner import Scanner

_HEAD = re.compile(r"/\*(M?)!(\d{0,6})")
# Versions of servers in use, of MySQL and, after `M`, of MariaDB. Dumps mark with 999999 what no server shall run.
_ALWAYS_RUN = {"": 80400, "M": 110000}


def with_executed_comments(text: str, dialect: str) -> str:
    """The text, in the same length, with blanks for the signs around the parts that the server runs."""
    if not dialect_of(dialect).executable_comments or _HEAD.search(text) is None:
        return text
    pieces: list[str] = []
    at = 0
    for span in Scanner(text, dialect):
        head = _HEAD.match(text, span.start) if span.kind == "comment" else None
        if head is None or int(head[2] or 0) > _ALWAYS_RUN[head[1]]:
            continue
        end = span.end - 2 if text.endswith("*/", head.end(), span.end) else span.end
        before, inside = text[at : span.start], text[head.end() : end]
        pieces += [before, " " * (head.end() - span.start), inside, " " * (span.end - end)]
        at = span.end
    return "".join([*pieces, text[at:]])
