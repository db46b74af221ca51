"""Tokens -> tree, for statements that the parser can handle: neither too deep, nor too long, nor too slow to parse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.expressions import Expr
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.packed_tokens import PackedTokens
from prefect_lineage_events.sql.tables.clauses import (
    all_rows,
    as_kind,
    clickhouse,
    databricks,
    merge_with_delete,
    mysql,
    postgres,
    redshift,
    tsql,
)
from prefect_lineage_events.sql.tables.metered_parser import ParserStopped, parser
from prefect_lineage_events.sql.tables.output_clause import as_insert, without_target
from prefect_lineage_events.sql.templates import FILLER

_DISPLAY = frozenset({"TITLE", "FORMAT"})
_VALUES = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.STRING, TokenType.NUMBER})


def without_phrases(tokens: Sequence[Token]) -> Sequence[Token]:
    """Remove Teradata's phrases such as `(TITLE 'x', NAMED n)`; a name among them becomes an alias."""
    kept: list[Token] = []
    at = 0
    while at < len(tokens):
        end = _phrase_end(tokens, at) if tokens[at].token_type == TokenType.L_PAREN else at
        if end == at:
            kept.append(tokens[at])
            at += 1
            continue
        for i in range(at + 1, end - 1):
            if tokens[i].text.upper() == "NAMED":
                opening, name = tokens[at], tokens[i + 1]
                kept += [Token(TokenType.ALIAS, "AS", opening.line, opening.col, opening.start, opening.end), name]
        at = end
    return kept if len(kept) < len(tokens) else tokens


def _phrase_end(tokens: Sequence[Token], at: int) -> int:
    """The position after the phrases in the parentheses at `at`; `at` itself if these hold something else."""
    if at == 0 or tokens[at - 1].token_type not in _VALUES:
        return at
    i = at + 1
    while i + 2 < len(tokens):
        word, value = tokens[i].text.upper(), tokens[i + 1].token_type
        known = (word in _DISPLAY and value == TokenType.STRING) or (word == "NAMED" and value in _VALUES)
        if not known:
            return at
        if tokens[i + 2].token_type == TokenType.R_PAREN:
            return i + 3
        i += 3 if tokens[i + 2].token_type == TokenType.COMMA else 2
    return at


# Beyond these limits the words are read without a tree. sqlglot 30 takes 2.5 us and 0.5 kB a token. Nesting deeper than
# a thread's stack makes its compiled parser end the process. Every JOIN without ON, every bracket within the brackets
# of a type's name or of LATERAL, and every IF without parentheses doubles its time. A query in the position of a table
# is nested without brackets too: `FROM SELECT a FROM SELECT a ..`, `FROM t, FROM t, ..`, `FROM DESCRIBE FROM ..`.
MAX_TOKENS = 30_000
MAX_DEPTH = 300
_MAX_OPEN_JOINS = 8
_MAX_TYPE_BRACKETS = 6
_MAX_BARE_IFS = 6
_ALWAYS_FIT = 16  # tokens that cannot exceed any of these limits

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_JOINS = frozenset({TokenType.JOIN, TokenType.STRAIGHT_JOIN})
_WORDS = frozenset({TokenType.VAR, TokenType.COMMAND})
_UNCONDITIONAL = frozenset({TokenType.CROSS, TokenType.NATURAL})
_QUERIES = frozenset({TokenType.SELECT, TokenType.FROM, TokenType.DESCRIBE, TokenType.SUMMARIZE})
_BEFORE_QUERY = frozenset({TokenType.FROM, TokenType.COMMA, TokenType.LATERAL, TokenType.APPLY})
_TYPES = frozenset({*Parser.TYPE_TOKENS, TokenType.LATERAL})


# Keywords that may also be names of functions: sqlglot takes the texts in `FROM file('x')` for names of columns.
_BEFORE_TABLE = frozenset({TokenType.FROM, TokenType.JOIN})
_NO_FUNCTIONS = frozenset(Parser.ID_VAR_TOKENS - Parser.FUNC_TOKENS - {TokenType.DICTIONARY})

# Rewriting of what sqlglot's dialect of this name does not know.
_WITH_OUTPUT = frozenset({"tsql", "fabric"})
_BEFORE_PARSING: dict[str, Callable[[Sequence[Token]], Sequence[Token]]] = {
    "teradata": without_phrases,
    "oracle": merge_with_delete,
    "clickhouse": clickhouse,
    "mysql": mysql,
    "databricks": databricks,
    "spark": databricks,
    "": postgres,
    "postgres": postgres,
    "redshift": redshift,
    "tsql": tsql,
    "fabric": tsql,
}


def parse(tokens: Sequence[Token], text: str, dialect: str) -> tuple[Expr | None, str]:
    """The tree of one statement's tokens (offsets into `text`), or None and the reason."""
    reason = _limit_exceeded(tokens)
    if reason:
        return None, reason
    if isinstance(tokens, PackedTokens):
        tokens = list(tokens)
    tokens = all_rows(_with_functions(tokens, text))
    if dialect in _BEFORE_PARSING:
        tokens = _BEFORE_PARSING[dialect](tokens)
    if len(tokens) > 2 and tokens[1].text.upper() in _OPTIONS and tokens[0].text.upper() in _OPTIONED:
        tokens = _without_options(tokens)
    elif tokens[0].token_type == TokenType.REPLACE and len(tokens) > 1:
        # REPLACE differs from INSERT only in the handling of keys (dev.mysql.com, sqlite.org: REPLACE)
        tokens = [as_kind(tokens[0], TokenType.INSERT), *tokens[1:]]
    tokens, into = without_target(tokens) if dialect in _WITH_OUTPUT else (tokens, ())
    _quiet.on = True
    try:
        trees = parser(dialect, len(tokens)).parse(list(tokens), text)
        if into and len(trees) == 1 and trees[0] is not None:
            _write_output(trees[0], parser(dialect, len(into)).parse(as_insert(into), text)[0])
    except ParserStopped:
        return None, "the parser took too long"
    except SqlglotError:
        return None, "it does not parse"
    except RecursionError:
        return None, "it is nested too deeply"
    except Exception as error:  # noqa: BLE001  (third-party code on any text must not make the analysis fail)
        return None, f"the parser failed ({type(error).__name__})"
    finally:
        _quiet.on = False
    if len(trees) != 1 or not _is_statement(trees[0]):
        for tree in trees:
            take_apart(tree, ())
        return None, "it does not parse"
    return trees[0], ""


def _write_output(tree: Expr, insert: Expr | None) -> None:
    """Put the target of OUTPUT ... INTO, with its columns, into the tree."""
    returning = tree.args.get("returning")
    if isinstance(returning, exp.Returning) and insert is not None:
        returning.set("into", insert.this)


def _is_statement(tree: Expr | None) -> bool:
    if tree is None or isinstance(tree, (exp.Command, exp.Column, exp.Alias, exp.Paren)):
        return False
    # without a target, the parser took its name for a keyword
    return not isinstance(tree, exp.Insert) or not (tree.this is None or isinstance(tree.this, exp.Values))


def target(name: str, columns: Collection[str]) -> tuple[exp.Table, Expr]:
    """A node for a target that was read by rules, and the node for it with its listed columns."""
    node = exp.Table(this=exp.Identifier(this=name, quoted=True))
    listed = [exp.Identifier(this=column, quoted=True) for column in columns]
    return node, exp.Schema(this=node, expressions=listed) if listed else node


def take_apart(tree: Expr | None, walked: Sequence[Expr]) -> None:
    """Release a tree that is no longer needed at once; `walked` are its nodes if it is the first of them.

    Nodes refer to their parents, so the tree would otherwise stay until the garbage collector runs, which walks
    through all objects of the user's program.
    """
    if walked and walked[0] is tree:
        for node in walked:
            node.parent = None
        return
    nodes = [tree] if tree is not None else []
    while nodes:
        node = nodes.pop()
        node.parent = None
        for value in node.args.values():
            if isinstance(value, Expr):
                nodes.append(value)
            elif value.__class__ is list:
                nodes += [item for item in value if isinstance(item, Expr)]


# Options between a verb and its target, which sqlglot takes for the target (dev.mysql.com: the verbs; sqlite.org:
# UPDATE; learn.microsoft.com: TOP).
_OPTIONED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
_OPTIONS = frozenset({"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "OR", "TOP", "WITH"})


def _without_options(tokens: Sequence[Token]) -> list[Token]:
    at = 1
    while at < len(tokens) - 2 and tokens[at + 1].token_type != TokenType.SET:
        word = tokens[at].text.upper()
        if word == "TOP" and tokens[at + 1].token_type == TokenType.L_PAREN:
            while at < len(tokens) - 1 and tokens[at].token_type != TokenType.R_PAREN:
                at += 1
            at += 1
            at += tokens[at].text.upper() == "PERCENT"
        elif word == "WITH" and tokens[at + 1].text.upper() == "SCHEMA":  # docs.databricks.com: MERGE INTO
            at += 3
        elif word == "OR" and tokens[0].token_type == TokenType.UPDATE:
            at += 2
        elif word in _OPTIONS and word not in ("OR", "TOP", "WITH"):
            at += 1
        else:
            break
    first = as_kind(tokens[0], TokenType.INSERT) if tokens[0].token_type == TokenType.REPLACE else tokens[0]
    return [first, *tokens[at:]]


def _with_functions(tokens: Sequence[Token], text: str) -> Sequence[Token]:
    """The tokens, in which a keyword that is called with a text in the place of a table is a plain word."""
    if "'" not in text and '"' not in text and "$" not in text and FILLER not in text:
        return tokens  # it contains no text
    result: list[Token] | None = None
    for i in [i for i, token in enumerate(tokens, 1) if token.token_type in _BEFORE_TABLE]:
        if i < len(tokens) and tokens[i].token_type in _NO_FUNCTIONS and _is_called_with_text(tokens, i):
            token = tokens[i]
            result = result or list(tokens)
            result[i] = Token(TokenType.VAR, token.text, token.line, token.col, token.start, token.end)
    return result or tokens


def _is_called_with_text(tokens: Sequence[Token], i: int) -> bool:
    return [t.token_type for t in tokens[i + 1 : i + 3]] == [TokenType.L_PAREN, TokenType.STRING]


# `NOT NOT ...`: the parser goes one deeper with each. Only Python's recursion limit stops sqlglot's compiled code: a
# program that has raised it would end with a segmentation fault.
_MAX_PREFIXES = 500
# `a -> b -> c ...`: each arrow is parsed within the one before it, and the tree so far is copied at each.
_MAX_ARROWS = 200
_ARROWS = frozenset({TokenType.ARROW, TokenType.DARROW, TokenType.HASH_ARROW, TokenType.DHASH_ARROW})
_BETWEEN_ARROWS = frozenset({TokenType.COMMA, TokenType.AND, TokenType.OR})
_BETWEEN_PREFIXES = frozenset({
    TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER, TokenType.COMMA, TokenType.R_PAREN,
})  # fmt: skip


def _limit_exceeded(tokens: Sequence[Token]) -> str:
    """The reason not to parse these tokens, or "": one cheap pass over them."""
    if len(tokens) <= _ALWAYS_FIT:
        return ""
    if len(tokens) > MAX_TOKENS:
        return f"it has more than {MAX_TOKENS:,} tokens"
    depth = joins = typed = ifs = prefixes = 0
    arrows = [0]  # in a row, by depth
    is_counted = False
    last = tokens[0]
    previous = TokenType.COMMA
    before = TokenType.COMMA
    for token in tokens:
        kind = token.token_type
        prefixes = 0 if kind in _BETWEEN_PREFIXES else prefixes + 1
        if prefixes > _MAX_PREFIXES:
            return "it is nested too deeply"
        if kind in _OPENING:
            depth += 1
            arrows.append(0)
            joins = max(joins - 1, 0) if previous == TokenType.USING else joins
            typed = typed + 1 if previous in _TYPES and kind != TokenType.CASE else typed
            if depth > MAX_DEPTH:
                return f"it is nested more than {MAX_DEPTH} deep"
            if typed > _MAX_TYPE_BRACKETS and not is_counted:
                is_counted = True
                if _nested_types(tokens):
                    return "types are nested too deeply"
        elif kind in _CLOSING:
            depth -= 1
            if len(arrows) > 1:
                arrows.pop()
        elif kind in _ARROWS:
            arrows[-1] += 1
            if arrows[-1] > _MAX_ARROWS:
                return "it is nested too deeply"
        elif kind in _BETWEEN_ARROWS:
            arrows[-1] = 0
        elif kind in _QUERIES:
            depth += previous in _BEFORE_QUERY
            if depth > MAX_DEPTH:
                return f"it is nested more than {MAX_DEPTH} deep"
        elif kind in _JOINS:
            joins += before not in _UNCONDITIONAL and previous not in _UNCONDITIONAL
            if joins > _MAX_OPEN_JOINS:
                return "it has many joins without conditions"
        elif kind == TokenType.ON:
            joins = max(joins - 1, 0)
        elif previous in _WORDS and kind != TokenType.L_PAREN and last.text.upper() == "IF":
            ifs += 1
            if ifs > _MAX_BARE_IFS:
                return "it has many IFs without parentheses"
        before, previous, last = previous, kind, token
    return ""


def _nested_types(tokens: Sequence[Token]) -> bool:
    """Return whether more brackets of types are nested than allowed."""
    opened: list[bool] = []
    depth = 0
    previous = TokenType.COMMA
    for token in tokens:
        kind = token.token_type
        if kind in _OPENING:
            is_type = previous in _TYPES and kind != TokenType.CASE
            opened.append(is_type)
            depth += is_type
            if depth > _MAX_TYPE_BRACKETS:
                return True
        elif kind in _CLOSING and opened:
            depth -= opened.pop()
        previous = kind
    return False


class _Quiet(threading.local):
    on = False


_quiet = _Quiet()


def _not_ours(record: logging.LogRecord) -> bool:
    """Drop sqlglot's warnings during our parses: they contain the statement's text. The confidence reports failures."""
    return not _quiet.on


logging.getLogger("sqlglot").addFilter(_not_ours)
