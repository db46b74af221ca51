"""What a statement can touch, by its first word: most statements that touch no data need not be looked into."""

from __future__ import annotations

QUERIES = frozenset(
    {"SELECT", "SEL", "WITH", "FROM", "VALUES", "TABLE", "(", "PIVOT", "UNPIVOT", "SUMMARIZE", "PERFORM"}
)
CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT", "DEL", "INS", "UPD"})
# Statements about the store, the session or the transaction: no data goes anywhere.
NO_DATA = frozenset(
    {
        "ABORT", "ADD", "ALTER", "ANALYSE", "ANALYZE", "ASSERT", "ATTACH", "AUDIT", "BACKUP", "BEGIN", "BINLOG",
        "BREAK", "CACHE", "CALL", "CHANGE", "CHECK", "CHECKPOINT", "CHECKSUM", "CLEAR", "CLOSE", "CLUSTER", "COLLECT",
        "COMMENT", "COMMIT", "COMPUTE", "CONNECT", "CONTINUE", "CREATE", "DATABASE", "DEALLOCATE", "DECLARE", "DEFINE",
        "DENY", "DESC", "DESCRIBE", "DETACH", "DISABLE", "DISCARD", "DISCONNECT", "DO", "ENABLE", "END", "EXCHANGE",
        "EXEC", "EXECUTE", "EXISTS", "EXIT", "EXPLAIN", "FETCH", "FLUSH", "FOR", "FORCE", "GENERATE", "GET", "GO",
        "GOTO", "GRANT", "HANDLER", "HELP", "HELPSTATS", "IF", "INSTALL", "INVALIDATE", "ITERATE", "KILL", "LEAVE",
        "LET", "LIST", "LISTEN", "LOCK", "LS", "MOVE", "MSCK", "NOTIFY", "NULL", "OPEN", "OPTIMIZE", "PAUSE", "PRAGMA",
        "PRELOAD", "PREPARE", "PRINT", "PROMPT", "PURGE", "RAISE", "RAISERROR", "REASSIGN", "RECOMPRESS", "RECONFIGURE",
        "RECOVER", "REFRESH", "REINDEX", "RELEASE", "REMOVE", "REORG", "REPAIR", "RESET", "RESIGNAL", "RESTORE",
        "RESUME", "RETURN", "REVOKE", "RM", "ROLLBACK", "RUNSTATS", "SAVE", "SAVEPOINT", "SECURITY", "SHOW", "SHUTDOWN",
        "SIGNAL", "START", "STATISTICS", "STOP", "SUBTYPE", "SUSPEND", "SYSTEM", "THROW", "TYPE", "UNCACHE", "UNLISTEN",
        "UNLOCK", "UNSET", "UPDATE", "VACUUM", "VALIDATE", "WAITFOR", "WATCH", "WHILE", "XA",
    }
)  # fmt: skip
PARSED = QUERIES | CHANGES
ALWAYS_MOVES = frozenset({"COPY", "UNLOAD", "BULK", "PUT"})  # LOAD may name an extension, GET be GET DIAGNOSTICS
REMOVING = frozenset({"DROP", "ALTER", "RENAME"})
QUERY_WORDS = frozenset({"SELECT", "WITH"})
# Without one of these, a statement of an unknown kind (a declaration, an assignment) can name no table.
TOUCHING = frozenset({"FROM", "INTO", "TABLE", "JOIN", "USING", "SELECT", "UPDATE"})
NO_CHANGE = frozenset({"STATISTICS", "VIEW", "MACRO", "PROCEDURE"})  # UPDATE STATISTICS; Teradata's REPLACE VIEW
