"""Words that a statement requires in its dialect: a lenient parser takes `delete form x` for a DELETE.

A statement without them fails in its store, or its text is in another dialect. Its confidence is lowered.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.expressions import Expr
from sqlglot.tokenizer_core import Token

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.tables.builder import StatementBuilder
from prefect_lineage_events.sql.words import Words

WITHOUT_TARGET = "no table was found that it changes"
WITHOUT_DATA = "neither a table nor a file was found in it"
_UNKNOWN_THING = "the kind of thing that it creates, alters or drops is not known"
_LEFT_OVER = "words behind a name are not understood"
_WITHOUT_INTO = "an INSERT without INTO, which the dialect requires"
_WITHOUT_FROM = "a DELETE without FROM, which the dialect requires"
_WITHOUT_SET = "an UPDATE without SET"
CALL = "the statements of a procedure are not in the text of its call"
UNKNOWN_STATEMENT = "an unknown kind of statement"
_AFTER_INSERT = frozenset({"INTO", "OVERWRITE", "ALL", "FIRST"})
_ENDS_TARGETS = frozenset({"WHERE", "(", "SET", "USING"})
_MAX_MODIFIERS = 6  # tokens after the verb, hints and modifiers included
# Words for kinds of things that hold no data, too rare to look for a name after them.
_RARE_THINGS = word_set(
    """AGGREGATE ALIAS ARCHIVE ATTRIBUTE AVAILABILITY BLUEPRINT BRANCH BROKER BUFFERPOOL CHILD COLLECTION
    CONFIGURATION CONTRACT DATASET DIMENSION DUPLICATE ENCRYPTKEY FILE GOVERNANCE HIERARCHY HISTOGRAM INDEXTYPE
    INSTANCE INTERFACE JOB KEY LANGUAGES LINK LOCKDOWN MANAGED MASK METHOD NAMESPACE NICKNAME NODEGROUP OBJECT
    OPTIONS ORGANIZATION OWNED PARAMETER PFILE PIPELINE PLUGIN POINT POOL PREPARE PROJECT PROJECTION QUERY QUEUE
    REFERENCE REPLICATION REPOSITORY RESULT ROUTE ROUTINE ROUTINES SCHEME SEARCH SEGMENT SEMANTIC SETTINGS SKIPPING
    SPFILE STATS SUBSYSTEM UNDO VARIABLE WORKLOAD WRAPPER XML ZONE ZONEMAP"""
)
# Options after the table of TRUNCATE
_AFTER_TRUNCATED = word_set(
    """ALL CASCADE CLUSTER CONTINUE DROP FINAL FORCE IF IGNORE IMMEDIATE IN KEEP MATERIALIZED NO ON PARTITION PARTITIONS
    PRESERVE PURGE RESTART RESTRICT REUSE SETTINGS SNAPSHOT STORAGE SYNC WHERE WITH"""
)


def doubt_of_tree(tokens: Sequence[Token], builder: StatementBuilder) -> None:
    """Lower the confidence of a change that lacks a word which its dialect requires."""
    tree, dialect = builder.tree, builder.context.dialect
    if isinstance(tree, exp.Insert):
        near = {token.text.upper() for token in tokens[1:_MAX_MODIFIERS]}
        if (
            tokens[0].text.upper() == "INSERT"
            and not dialect_of(dialect).into_optional
            and near.isdisjoint(_AFTER_INSERT)
        ):
            builder.doubt("partial", _WITHOUT_INTO)
    elif isinstance(tree, exp.Delete) and tokens[0].text.upper() == "DELETE":
        targets = [tree.this, *(tree.args.get("tables") or ())]
        has_alias = dialect_of(dialect).is_tsql and any(isinstance(t, exp.Table) and t.alias for t in targets)
        may_lack = dialect_of(dialect).from_optional and not has_alias
        if not may_lack and not _has_from(tokens):
            builder.doubt("partial", _WITHOUT_FROM)
    elif isinstance(tree, exp.Update) and not tree.expressions and _is_plain(tree):
        builder.doubt("partial", _WITHOUT_SET)


def _is_plain(tree: Expr) -> bool:
    return isinstance(tree.this, exp.Table)


def _has_from(tokens: Sequence[Token]) -> bool:
    for token in tokens[1:]:
        word = token.text.upper()
        if word == "FROM":
            return True
        if word in _ENDS_TARGETS:
            return False
    return False


def doubt_of_thing(words: Words, end: int, builder: StatementBuilder) -> None:
    """Lower the confidence of CREATE, ALTER or DROP without a known kind of thing before `end`: `create tabel x`."""
    if _RARE_THINGS.isdisjoint(words.upper[1 : end + 1]):
        builder.doubt("partial", _UNKNOWN_THING)


def doubt_of_rest(words: Words, at: int, builder: StatementBuilder) -> None:
    """Lower the confidence of TRUNCATE with a name after its table: `truncate tabel x`."""
    if words.is_name(at) and words.word(at) not in _AFTER_TRUNCATED:
        builder.doubt("partial", _LEFT_OVER)
