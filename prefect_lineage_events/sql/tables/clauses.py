"""Rewriting of clauses that sqlglot's dialect does not know into ones with the same tables and columns."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.sql.identifiers import split_identifier

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})
_BRACES = frozenset({TokenType.L_BRACE, TokenType.R_BRACE})
_LISTED_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER, TokenType.DOT, TokenType.COMMA, TokenType.STAR})
_TEXTS = frozenset({TokenType.STRING, TokenType.RAW_STRING})
_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
_NAMING_A_TABLE = ("dictget", "dicthas", "dictisin", "joinget")
_BEFORE_TARGET = frozenset({TokenType.INTO, TokenType.OVERWRITE, TokenType.TABLE, TokenType.INSERT})
_BEFORE_APPLY = frozenset({TokenType.STAR, TokenType.R_PAREN})


_WITH_HINTS = frozenset({TokenType.INSERT, TokenType.MERGE})
_OF_TARGET = frozenset({TokenType.INTO, TokenType.DOT, TokenType.WITH, TokenType.PARAMETER, TokenType.HASH, *_NAMES})
_MAX_TARGET = 12  # tokens of a target's name
_NO_NAMES = frozenset({TokenType.L_PAREN, *_TEXTS})
_ALL_ROWS = ((TokenType.SELECT, "SELECT"), (TokenType.STAR, "*"), (TokenType.FROM, "FROM"))
_SET_OPERATORS = frozenset({TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT, TokenType.ALL, TokenType.DISTINCT})


def all_rows(tokens: Sequence[Token]) -> Sequence[Token]:
    """`TABLE t` in the place of a query, as `SELECT * FROM t`. postgresql.org, dev.mysql.com, docs.snowflake.com: TABLE

    `f(TABLE t)` is an argument, and INSERT INTO TABLE t a target.
    """
    written: list[Token] | None = None
    done = 0
    for at in [at for at, token in enumerate(tokens[:-1]) if token.token_type is TokenType.TABLE]:
        if tokens[at + 1].token_type not in _NO_NAMES and _begins_query(tokens, at):
            select = [as_kind(tokens[at], kind, text) for kind, text in _ALL_ROWS]
            written = [*(written or []), *tokens[done:at], *select]
            done = at + 1
    return tokens if written is None else [*written, *tokens[done:]]


def _begins_query(tokens: Sequence[Token], at: int) -> bool:
    before = tokens[at - 1].token_type if at else TokenType.L_PAREN
    if before is TokenType.L_PAREN:
        return at < 2 or tokens[at - 2].token_type not in _NAMES
    is_inserted = tokens[0].token_type is TokenType.INSERT and at > 2 and (before in _NAMES or before in _CLOSING)
    return is_inserted or before in _SET_OPERATORS


def merge_with_delete(tokens: Sequence[Token]) -> Sequence[Token]:
    """Oracle's `UPDATE SET ... DELETE WHERE c` in a MERGE, as `WHEN MATCHED AND c THEN DELETE` (docs.oracle.com)."""
    if tokens[0].token_type is not TokenType.MERGE:
        return tokens
    written: list[Token] = []
    waiting: list[Token] = []  # the tokens that close the open branch
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        follows = tokens[at + 1].token_type if at + 1 < len(tokens) else None
        if token.token_type is TokenType.DELETE and follows is TokenType.WHERE and not depth:
            written += [as_kind(token, TokenType.WHEN, "WHEN"), as_kind(token, TokenType.VAR, "MATCHED")]
            waiting = [as_kind(token, TokenType.THEN, "THEN"), token]
        elif token.token_type is TokenType.WHERE and waiting and tokens[at - 1].token_type is TokenType.DELETE:
            written.append(as_kind(token, TokenType.AND, "AND"))
        else:
            if token.token_type is TokenType.WHEN and not depth:
                written += waiting
                waiting = []
            written.append(token)
    return [*written, *waiting]


def mysql(tokens: Sequence[Token]) -> Sequence[Token]:
    """`DELETE FROM a, b USING ...` as `DELETE a, b FROM ...`, and `{ oj ... }` without its braces (dev.mysql.com)."""
    kinds = [token.token_type for token in tokens]
    if TokenType.L_BRACE in kinds and any(token.text.upper() == "OJ" for token in tokens):
        kept = [t for i, t in enumerate(tokens) if t.token_type not in _BRACES and not _is_oj(tokens, i)]
        return mysql(kept)
    if kinds[:2] != [TokenType.DELETE, TokenType.FROM] or TokenType.USING not in kinds:
        return tokens
    using = kinds.index(TokenType.USING)
    if not set(kinds[2:using]) <= _LISTED_NAMES:
        return tokens
    stars = {i for i in range(2, using) if kinds[i] is TokenType.STAR}
    named = [tokens[i] for i in range(2, using) if i not in stars and i + 1 not in stars]  # t.* is t
    return [tokens[0], *named, tokens[1], *tokens[using + 1 :]]


def _is_oj(tokens: Sequence[Token], i: int) -> bool:
    return tokens[i].text.upper() == "OJ" and i > 0 and tokens[i - 1].token_type is TokenType.L_BRACE


def named_target(tokens: Sequence[Token]) -> Sequence[Token]:
    """`INSERT INTO IDENTIFIER('s.t')` as `INSERT INTO s.t` (docs.databricks.com: IDENTIFIER clause).

    sqlglot takes the argument for a list of columns. Any other argument than a text becomes a placeholder.
    """
    at = next((i for i in range(1, len(tokens) - 3) if _names_target(tokens, i)), 0)
    end = _closing(tokens, at + 1) if at else 0
    if end <= at + 1:
        return tokens
    argument = tokens[at + 2]
    parts = split_identifier(argument.text, "databricks") if end == at + 3 and argument.token_type in _TEXTS else ()
    if not parts:
        return [*tokens[:at], as_kind(tokens[at], TokenType.PLACEHOLDER, "?"), *tokens[end + 1 :]]
    named = [as_kind(argument, TokenType.IDENTIFIER, part) for part in parts]
    dotted = [token for name in named for token in (as_kind(argument, TokenType.DOT, "."), name)]
    return [*tokens[:at], *dotted[1:], *tokens[end + 1 :]]


def _names_target(tokens: Sequence[Token], i: int) -> bool:
    return (
        tokens[i].token_type is TokenType.VAR
        and tokens[i + 1].token_type is TokenType.L_PAREN
        and tokens[i - 1].token_type in _BEFORE_TARGET
        and tokens[i].text.upper() == "IDENTIFIER"
    )


def tsql(tokens: Sequence[Token]) -> Sequence[Token]:
    """Remove OPTION (...) from the end, WITH XMLNAMESPACES (...), and hints of a target: `INSERT t WITH (TABLOCK)`.

    learn.microsoft.com: OPTION clause, WITH XMLNAMESPACES, INSERT, MERGE
    """
    tokens = _without_hints(tokens)
    if tokens[-1].token_type is TokenType.R_PAREN:
        opening = _opening(tokens, len(tokens) - 1)
        if opening > 1 and tokens[opening - 1].text.upper() == "OPTION":
            tokens = tokens[: opening - 1]
    if len(tokens) > 3 and tokens[1].text.upper() == "XMLNAMESPACES" and tokens[0].token_type is TokenType.WITH:
        end = _closing(tokens, 2)
        if end > 2 and end + 1 < len(tokens):
            has_ctes = tokens[end + 1].token_type is TokenType.COMMA
            tokens = [*tokens[: int(has_ctes)], *tokens[end + 1 + has_ctes :]]
    return tokens


def postgres(tokens: Sequence[Token]) -> Sequence[Token]:
    """Remove OVERRIDING SYSTEM VALUE and OVERRIDING USER VALUE (postgresql.org: INSERT, MERGE)."""
    at = next((i for i, t in enumerate(tokens[:-2]) if t.token_type is TokenType.VAR and _overrides(tokens, i)), 0)
    return postgres([*tokens[:at], *tokens[at + 3 :]]) if at else tokens


def _overrides(tokens: Sequence[Token], at: int) -> bool:
    words = [token.text.upper() for token in tokens[at : at + 3]]
    return words in (["OVERRIDING", "SYSTEM", "VALUE"], ["OVERRIDING", "USER", "VALUE"])


def _without_hints(tokens: Sequence[Token]) -> Sequence[Token]:
    verb = next((i for i, token in enumerate(tokens) if token.token_type in _WITH_HINTS), len(tokens))
    for at in range(verb + 1, min(verb + _MAX_TARGET, len(tokens) - 1)):
        if tokens[at].token_type is TokenType.WITH and tokens[at + 1].token_type is TokenType.L_PAREN:
            return [*tokens[:at], *tokens[_closing(tokens, at + 1) + 1 :]]
        if tokens[at].token_type not in _OF_TARGET:
            break
    return tokens


def redshift(tokens: Sequence[Token]) -> Sequence[Token]:
    """`MERGE ... REMOVE DUPLICATES` replaces and adds all rows of the source (docs.aws.amazon.com/redshift: MERGE)."""
    if tokens[0].token_type is not TokenType.MERGE or [t.text.upper() for t in tokens[-2:]] != ["REMOVE", "DUPLICATES"]:
        return tokens
    last = tokens[-1]
    updated = [
        (TokenType.WHEN, "WHEN"),
        (TokenType.VAR, "MATCHED"),
        (TokenType.THEN, "THEN"),
        (TokenType.UPDATE, "UPDATE"),
    ]
    inserted = [(TokenType.WHEN, "WHEN"), (TokenType.NOT, "NOT"), (TokenType.VAR, "MATCHED"), (TokenType.THEN, "THEN")]
    every = [
        (TokenType.SET, "SET"),
        (TokenType.STAR, "*"),
        *inserted,
        (TokenType.INSERT, "INSERT"),
        (TokenType.STAR, "*"),
    ]
    return [*tokens[:-2], *(as_kind(last, kind, text) for kind, text in [*updated, *every])]


def databricks(tokens: Sequence[Token]) -> Sequence[Token]:
    """Rewrite names that sqlglot does not know: `IDENTIFIER('s.t')` of a target, and `t@v1`."""
    return _without_versions(named_target(tokens))


def _without_versions(tokens: Sequence[Token]) -> Sequence[Token]:
    """Remove the version of `t@v12` and `t@20240101000000000` (docs.databricks.com: table history, @ syntax)."""
    if not any(token.token_type is TokenType.PARAMETER for token in tokens):
        return tokens
    kept: list[Token] = []
    at = 0
    while at < len(tokens):
        if tokens[at].token_type is TokenType.PARAMETER and _is_version(tokens, at):
            at += 2
        else:
            kept.append(tokens[at])
            at += 1
    return kept


def _is_version(tokens: Sequence[Token], at: int) -> bool:
    before, following = tokens[at - 1] if at else None, tokens[at + 1] if at + 1 < len(tokens) else None
    if before is None or following is None or before.token_type not in _NAMES:
        return False
    text = following.text
    version = text.isdigit() or (text[:1] in ("v", "V") and text[1:].isdigit())
    return version and before.end + 1 == tokens[at].start and tokens[at].end + 1 == following.start


def clickhouse(tokens: Sequence[Token]) -> Sequence[Token]:
    """Rewrite forms with bare names that ClickHouse accepts and sqlglot does not."""
    return _infile(_names_as_texts(apply_of_a_name(tokens)))


def _infile(tokens: Sequence[Token]) -> Sequence[Token]:
    """`INSERT INTO t FROM INFILE 'x.csv' ...` takes the rows of a file (clickhouse.com/docs: INSERT INTO)."""
    at = next((i for i, t in enumerate(tokens[1:-1], 1) if t.text.upper() == "INFILE"), 0)
    if tokens[0].token_type is not TokenType.INSERT or tokens[at - 1].token_type is not TokenType.FROM:
        return tokens
    before, name = tokens[at - 1], tokens[at + 1]
    select = [as_kind(before, TokenType.SELECT, "SELECT"), as_kind(before, TokenType.STAR, "*"), before]
    opening, closing = as_kind(name, TokenType.L_PAREN, "("), as_kind(name, TokenType.R_PAREN, ")")
    return [*tokens[: at - 1], *select, as_kind(tokens[at], TokenType.VAR, "file"), opening, name, closing]


def _names_as_texts(tokens: Sequence[Token]) -> Sequence[Token]:
    """Rewrite `dictGet(d.t, ...)`, `joinGet(d.t, ...)`, `dictionary(d.t)`, which name a table: `dictGet('d.t', ...)`.

    `COLUMNS(a, b)`, which lists names, becomes `COLUMNS(['a', 'b'])` (clickhouse.com/docs: SELECT, COLUMNS expression).
    """
    written: list[Token] | None = None
    done = 0
    for at in range(len(tokens) - 3):
        if at < done or tokens[at + 1].token_type is not TokenType.L_PAREN:
            continue
        word = tokens[at].text.lower()
        is_list = word == "columns"
        if not (is_list or word == "dictionary" or word.startswith(_NAMING_A_TABLE)):
            continue
        end = _end_of_names(tokens, at + 2, "," if is_list else ".")
        closes = tokens[end].token_type is TokenType.R_PAREN
        if end == at + 2 or not (closes or (not is_list and tokens[end].token_type is TokenType.COMMA)):
            continue
        named = tokens[at + 2 : end]
        if is_list:
            texts = [as_kind(t, TokenType.STRING, t.text) if i % 2 == 0 else t for i, t in enumerate(named)]
            texts = [as_kind(named[0], TokenType.L_BRACKET, "["), *texts, as_kind(named[-1], TokenType.R_BRACKET, "]")]
        else:
            texts = [as_kind(named[0], TokenType.STRING, "".join(t.text for t in named))]
        written = [*(written or []), *tokens[done : at + 2], *texts]
        done = end
    return tokens if written is None else [*written, *tokens[done:]]


def _end_of_names(tokens: Sequence[Token], at: int, sign: str) -> int:
    """The position after names that this sign separates; `at` itself if there are none."""
    start = at
    while at < len(tokens) and tokens[at].token_type in _NAMES:
        at += 1
        if at + 1 >= len(tokens) or tokens[at].text != sign:
            return min(at, len(tokens) - 1)
        at += 1
    return start


def apply_of_a_name(tokens: Sequence[Token]) -> Sequence[Token]:
    """Rewrite ClickHouse's APPLY of a bare name, a lambda or a function with parameters into `APPLY(name)`.

    A blank after the name marks that the column is not named after the function (clickhouse.com/docs: SELECT, APPLY).
    """
    if not any(token.text.upper() == "APPLY" for token in tokens):
        return tokens
    written: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        written.append(token)
        at += 1
        if token.text.upper() != "APPLY" or at == len(tokens) or len(written) < 2:
            continue
        inner = tokens[at]
        if inner.token_type is TokenType.L_PAREN:
            end = _closing(tokens, at)
            if end > at + 2:
                is_lambda = any(t.token_type is TokenType.ARROW for t in tokens[at:end])
                name = " " if is_lambda else f"{tokens[at + 1].text} "
                written += [inner, as_kind(tokens[at + 1], TokenType.VAR, name)]
                at = end
        elif written[-2].token_type in _BEFORE_APPLY and inner.token_type is not TokenType.FROM:
            written += [
                as_kind(inner, TokenType.L_PAREN, "("),
                as_kind(inner, TokenType.VAR, inner.text),
                as_kind(inner, TokenType.R_PAREN, ")"),
            ]
            at += 1
    return written


def _closing(tokens: Sequence[Token], opening: int) -> int:
    """The position of the parenthesis that closes the one at `opening`; `opening` itself if there is none."""
    depth = 0
    for at in range(opening, len(tokens)):
        depth += (tokens[at].token_type in _OPENING) - (tokens[at].token_type in _CLOSING)
        if not depth:
            return at
    return opening


def _opening(tokens: Sequence[Token], closing: int) -> int:
    """The position of the parenthesis that the one at `closing` closes; -1 if there is none."""
    depth = 0
    for at in range(closing, -1, -1):
        depth += (tokens[at].token_type in _CLOSING) - (tokens[at].token_type in _OPENING)
        if not depth:
            return at
    return -1


def as_kind(token: Token, kind: TokenType, text: str = "") -> Token:
    """A token of another kind, perhaps with another text, at the place of this one."""
    return Token(kind, text or token.text, token.line, token.col, token.start, token.end)
