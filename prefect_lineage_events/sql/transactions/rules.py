"""The stores' rules of transactions: their ends, their failures, and the parts of a session that a rollback undoes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prefect_lineage_events.sql.lexer import word_set


@dataclass(frozen=True, slots=True)
class TransactionRules:
    """The rules of one store; the defaults are those of the SQL standard.

    Ends of a transaction:

    - `committing`: first words of statements that commit the open transaction and themselves;
      `except_temporary`: not if they create or drop a temporary table.
    - `end_commits`: END means COMMIT. `plain_begin`: BEGIN alone begins a transaction (elsewhere a block).
    - `nested_begin`: a BEGIN inside of a transaction is `ignored` or refused, `commits` the open one, or is `counted`,
      so that as many COMMITs are needed.
    - `procedures`: a called procedure may end the transaction of its caller.

    Failures of a transaction:

    - `failure_aborts`: after a failed statement a transaction takes no other; even COMMIT rolls it back.
    - `sqlstate`: the server's errors have one; an error without one may be the driver's own, which the
      server does not know.
    - `rolls_back`: codes of errors (SQLSTATE or the server's number) with which the server rolls the transaction back.
    - `one_text`: the statements of one text, sent outside of a transaction, are one.

    Savepoints:

    - `savepoint_begins`: outside of a transaction it begins one, which ends with its release.
    - `same_savepoint`: a second one of a name `shadows` the first, or `replaces` it.
    - `savepoint_case`: their names are `folded` like a table's, compared without case (`blind`), or taken `exact`.

    Parts of the session that a rollback undoes:

    - `settings`: changes by SET. `tables`: created, renamed and dropped tables. `attached`: attached databases.

    `temporary_schema`: the schema of temporary tables; "" if they are in the schema that their name states.
    """

    committing: frozenset[str] = frozenset()
    except_temporary: bool = False
    end_commits: bool = False
    plain_begin: bool = True
    nested_begin: Literal["ignored", "commits", "counted"] = "ignored"
    procedures: bool = True
    failure_aborts: bool = False
    sqlstate: bool = False
    rolls_back: frozenset[str] = frozenset()
    one_text: bool = False
    savepoint_begins: bool = False
    same_savepoint: Literal["shadows", "replaces"] = "replaces"
    savepoint_case: Literal["folded", "blind", "exact"] = "folded"
    settings: bool = False
    tables: bool = True
    attached: bool = False
    temporary_schema: str = ""


# postgresql.org/docs/current: Transactions, SET ("the effects of the SET command disappear when the transaction is
# rolled back"), SAVEPOINT ("keeps the old savepoint"), protocol-flow.html ("Multiple Statements in a Simple Query")
_POSTGRES = TransactionRules(
    end_commits=True,
    procedures=False,
    failure_aborts=True,
    sqlstate=True,
    one_text=True,
    same_savepoint="shadows",
    settings=True,
    temporary_schema="pg_temp",
)
# dev.mysql.com/doc/refman/8.4/en/implicit-commit.html; "cannot be rolled back": temporary tables; error 1213: deadlock
_MYSQL = TransactionRules(
    committing=word_set(
        "ALTER CREATE DROP INSTALL RENAME TRUNCATE UNINSTALL GRANT REVOKE LOCK ANALYZE CACHE CHECK FLUSH OPTIMIZE "
        "REPAIR RESET START STOP CHANGE"
    ),
    except_temporary=True,
    nested_begin="commits",
    rolls_back=frozenset({"1213", "1614", "40001"}),
    savepoint_case="blind",
    tables=False,
)
# learn.microsoft.com/sql/t-sql: BEGIN TRANSACTION (nesting), SAVE TRANSACTION ("case sensitive, even when the instance
# is not"), 1205: deadlock victim, 3960 and 3961: snapshot isolation
_TSQL = TransactionRules(
    plain_begin=False,
    nested_begin="counted",
    rolls_back=frozenset({"1205", "3960", "3961", "40001"}),
    same_savepoint="shadows",
    savepoint_case="exact",
)
_RULES: dict[str, TransactionRules] = {
    "": TransactionRules(end_commits=True, same_savepoint="shadows"),
    **dict.fromkeys(("postgres", "greenplum", "materialize", "risingwave"), _POSTGRES),
    # docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html: "commits the transaction in which it is run"
    "redshift": TransactionRules(
        committing=frozenset({"TRUNCATE"}),
        end_commits=True,
        failure_aborts=True,
        sqlstate=True,
        one_text=True,
        settings=True,
        temporary_schema="pg_temp",
    ),
    # sqlite.org/lang_savepoint.html, lang_transaction.html
    "sqlite": TransactionRules(
        end_commits=True,
        procedures=False,
        savepoint_begins=True,
        same_savepoint="shadows",
        savepoint_case="blind",
        temporary_schema="temp",
    ),
    # Tried on 1.x: an error of any kind aborts a transaction, and COMMIT then rolls back silently; SET stays,
    # ATTACH does not.
    "duckdb": TransactionRules(
        end_commits=True, procedures=False, failure_aborts=True, attached=True, temporary_schema="temp"
    ),
    # docs.snowflake.com/en/sql-reference/transactions: DDL; stored procedures ("scoped transactions")
    "snowflake": TransactionRules(
        committing=word_set("ALTER COMMENT CREATE DROP GRANT RENAME REVOKE UNDROP"), procedures=False, tables=False
    ),
    **dict.fromkeys(("mysql", "singlestore", "doris", "starrocks"), _MYSQL),
    **dict.fromkeys(("tsql", "fabric"), _TSQL),
    # docs.oracle.com: Types of SQL Statements ("implicitly commits the current transaction before and after every DDL")
    "oracle": TransactionRules(
        committing=word_set(
            "ALTER ANALYZE ASSOCIATE AUDIT COMMENT CREATE DISASSOCIATE DROP FLASHBACK GRANT NOAUDIT PURGE RENAME "
            "REVOKE TRUNCATE"
        ),
        except_temporary=True,
        plain_begin=False,
        tables=False,
    ),
    # docs.vertica.com: Transactions (DDL commits)
    "vertica": TransactionRules(
        committing=word_set("ALTER CREATE DROP GRANT REVOKE TRUNCATE"), except_temporary=True, tables=False
    ),
    # cloud.google.com/bigquery/docs/transactions: DDL on permanent tables takes no part in a transaction
    "bigquery": TransactionRules(committing=word_set("ALTER CREATE DROP"), except_temporary=True),
}
_DEFAULT = TransactionRules()


@lru_cache(maxsize=64)
def transaction_rules(dialect: str) -> TransactionRules:
    """The rules of the store with this dialect."""
    return _RULES.get(dialect, _DEFAULT)
