"""SQL text to statements with their tables and columns. Pure: no connection, no Prefect, no OpenLineage.

1. `analyze` (one text) and `Session.analyze` (those of a connection) look into the cache: `cache`, `parameterised`.
2. `splitting/` cuts the text, a script, into pieces: one statement each, with sqlglot's tokens of it (`lexer`).
3. `templates` masks what is no SQL: template tags, client variables, binds. `scanner` finds quoted texts and comments.
4. `redaction/` makes of a piece's tokens its shape: the sanitised text, which may be shown, and the fingerprint.
5. `tables/` dispatches a piece by its first word, and reads tables from a tree, or by rules from its words (`words`).
6. `columns/` reads the column edges of the same tree.
7. Names become `TableRef`: `names`, `identifiers`, `catalogs`, `attach`, `temporary_names`, `search_path`, `locations`.
8. `transactions/` reads steps of transactions, and has each store's rules of them.
9. `Session.after` applies a statement to the session (`session_state`, `session_settings`); the next piece meets that.
10. The result is a tuple of `Statement` (`model`). `context` holds the knowledge beyond the text, and the agreements.
"""

from __future__ import annotations

from prefect_lineage_events.sql.analyze import analyze
from prefect_lineage_events.sql.explain import explain
from prefect_lineage_events.sql.model import ColumnEdge, Statement, TableRef
from prefect_lineage_events.sql.session import Session

__all__ = ["ColumnEdge", "Session", "Statement", "TableRef", "analyze", "explain"]
