"""Tokens -> the words of a statement that may be shown: its shape, the same for every value it is run with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.lexer import word_set
from prefect_lineage_events.sql.redaction.literals import NO_DATASETS, NamedDatasets, identifier, stage
from prefect_lineage_events.sql.redaction.secrets import hide_secrets

Shape = tuple[list[str], list[bool]]

MAX_TOKENS = 20_000  # far beyond what is shown, and enough to tell two statements apart
_TYPES = frozenset({TokenType.LINESTRING, TokenType.MULTILINESTRING, TokenType.FIXEDSTRING})  # words for types
LITERALS = frozenset(kind for kind in TokenType if kind.name.endswith("STRING")) - _TYPES | {TokenType.NUMBER}
_LISTS = frozenset({TokenType.IN, TokenType.VALUES, TokenType.L_BRACKET})
_CAREFUL = LITERALS | {
    TokenType.IDENTIFIER,
    TokenType.PLACEHOLDER,
    TokenType.HINT,
    TokenType.PARAMETER,
    TokenType.COLON,
    *_LISTS,
}
_SIGNS = frozenset({"-", "+"})
_OPERATORS = word_set("( , [ = < > <= >= <> != + - * / % || : :: ; => := ^ | & ~")
_BEFORE_SIGNED = word_set("SELECT WHEN THEN ELSE LIMIT OFFSET AND OR NOT IN LIKE BETWEEN VALUES RETURN BY ON")
_LIST_WORDS = word_set("[ in IN In values VALUES Values")
_CONSTANTS = frozenset({"NULL", "TRUE", "FALSE"})


def shape(tokens: Sequence[Token], text: str, dialect: str, datasets: NamedDatasets = NO_DATASETS) -> Shape:
    """The statement's words, and for each True if there is a blank before it.

    Binds are `?`, and so are literals other than those that name one of its datasets. A statement of more than
    MOST_TOKENS is cut, with the number of the other tokens.
    """
    words, spaced, seen = _words(tokens[:MAX_TOKENS], text, dialect, datasets)
    if TokenType.COLON in seen:
        words, spaced = _without_named_binds(words, spaced)
    if not _LISTS.isdisjoint(seen):
        words, spaced = _shrunk(words, spaced)
    if "`" in words:
        words, spaced = _without_foreign_names(words, spaced)
    if words:
        words, spaced = hide_secrets(words, spaced, dialect)
    if len(tokens) > MAX_TOKENS:
        words, spaced = [*words, f"...{len(tokens) - MAX_TOKENS}"], [*spaced, True]
    return words, spaced


def _words(
    tokens: Sequence[Token], text: str, dialect: str, datasets: NamedDatasets
) -> tuple[list[str], list[bool], set[TokenType]]:
    """The words, and the kinds of tokens among them that have a rule of their own."""
    words: list[str] = []
    spaced: list[bool] = []
    seen: set[TokenType] = set()
    end = -1
    for token in tokens:
        start = token.start
        if start <= end:
            continue  # part of a stage path or of a template that is in the words already
        gap = start > end + 1
        kind = token.token_type
        end = token.end
        word = token.text
        if kind in _CAREFUL:
            seen.add(kind)
            if kind in LITERALS or kind is TokenType.PLACEHOLDER:
                if not gap and words and _is_numbered(words[-1], kind):
                    # $1 and ?1 are binds, but in a dialect with stages $1 is a column of a staged file
                    is_bind = words.pop() == "?" or not dialect_of(dialect).stages
                    gap = spaced.pop()
                    word = "?" if is_bind else f"${word}"
                else:
                    word = datasets.shown(token, words, text) if kind is not TokenType.PLACEHOLDER else "?"
                if word == "?":
                    gap = _take_sign(words, spaced, gap)
            elif kind is TokenType.IDENTIFIER:
                word = identifier(text[start : end + 1])
                if word == "?":
                    gap = _take_sign(words, spaced, gap)
            elif kind is TokenType.HINT:
                continue
            elif word == "@" and dialect_of(dialect).stages:
                word, after = stage(text, start)
                end = after - 1
        elif " " in word:
            word = " ".join(text[start : end + 1].split())
        elif not gap and words and words[-1] == "?" and (word[0].isalnum() or word[0] == "_"):
            continue  # the unit or the rest of a number that the dialect does not know: 10GB, 0xFF
        words.append(word)
        spaced.append(gap)
    return words, spaced, seen


def _is_numbered(before: str, kind: TokenType) -> bool:
    return before == "?" or (before == "$" and kind is TokenType.NUMBER)


def _take_sign(words: list[str], spaced: list[bool], gap: bool) -> bool:
    """Remove signs of the following number from the words; True if there is a blank before it then."""
    while not gap and words and words[-1] in _SIGNS:
        before = words[-2] if len(words) > 1 else "("
        if before not in _OPERATORS and before.upper() not in _BEFORE_SIGNED:
            break
        words.pop()
        gap = spaced.pop()
    return gap


def _without_named_binds(words: Sequence[str], spaced: Sequence[bool]) -> Shape:
    """`:name` and `:1` as `?`; the colon of `payload:field`, `a[1:2]` and `{'key':value}` follows its operand."""
    result: list[str] = []
    blanks: list[bool] = []
    i, count = 0, len(words)
    while i < count:
        is_bind = (
            words[i] == ":"
            and i + 1 < count
            and not spaced[i + 1]
            and (words[i + 1][0].isalpha() or words[i + 1][0] in "_?")
            and (spaced[i] or not i or words[i - 1] in _OPERATORS)
        )
        blank = _take_sign(result, blanks, spaced[i]) if is_bind else spaced[i]
        result.append("?" if is_bind else words[i])
        blanks.append(blank)
        i += 2 if is_bind else 1
    return result, blanks


def _without_foreign_names(words: Sequence[str], spaced: Sequence[bool]) -> Shape:
    """The words, with `?` for anything but a plain name between the quotes of another dialect."""
    result: list[str] = []
    blanks: list[bool] = []
    i, count = 0, len(words)
    while i < count:
        close = next((k for k in range(i + 1, count) if words[k] == "`"), count) if words[i] == "`" else i
        inner = words[i + 1 : close]
        is_plain = close < count and inner and all(word == "." or word.isidentifier() for word in inner)
        result.append(words[i] if close == i else f"`{''.join(inner)}`" if is_plain else "?")
        blanks.append(spaced[i])
        i = close + 1
    return result, blanks


class _Frame:
    """An open parenthesis: each item of a list is compared with the one before."""

    __slots__ = ("is_list", "is_rows", "item", "previous")

    def __init__(self, is_list: bool, is_rows: bool, item: int) -> None:
        self.is_list = is_list
        self.is_rows = is_rows
        self.item = item
        self.previous: list[str] = []

    def end_item(self, result: list[str], blanks: list[bool]) -> None:
        """Remove the item that ends here from the result, if only its values differ from the last one."""
        if not self.is_list:
            return
        start = self.item + (self.item < len(result) and result[self.item] == ",")
        if len(result) == start + 1 and result[start].upper() in _CONSTANTS:
            result[start] = "?"
        item = result[start:]
        if item == self.previous and "?" in item:
            del result[self.item :], blanks[self.item :]
        self.previous = item
        self.item = len(result)


def _shrunk(words: Sequence[str], spaced: Sequence[bool]) -> Shape:
    """The words, without repeated items and rows of lists after IN and VALUES and of lists in brackets."""
    result: list[str] = []
    blanks: list[bool] = []
    done = 0
    for head in [i for i, word in enumerate(words) if word in _LIST_WORDS]:
        if head < done:
            continue
        start = head + (words[head] != "[")
        result += words[done:start]
        blanks += spaced[done:start]
        done = _copy_list(words, spaced, start, result, blanks)
    return [*result, *words[done:]], [*blanks, *spaced[done:]]


def _copy_list(words: Sequence[str], spaced: Sequence[bool], i: int, result: list[str], blanks: list[bool]) -> int:
    """Copy the list that opens at i, with the rows after it if it follows VALUES; return its end."""
    frames: list[_Frame] = []
    before = words[i - 1].upper() if i else ""
    for k in range(i, len(words)):
        word = words[k]
        if frames and frames[-1].is_rows and before == ")" and word != ",":
            frames.pop()
        if word in ("(", "["):
            if before == "VALUES":
                frames.append(_Frame(True, True, len(result)))
            is_row = bool(frames) and frames[-1].is_rows
            frames.append(_Frame(word == "[" or before == "IN" or is_row, False, len(result) + 1))
        elif not frames:
            return k
        elif word in (")", "]"):
            frames.pop().end_item(result, blanks)
        elif word == "," and not frames[-1].is_rows:
            frames[-1].end_item(result, blanks)
        result.append(word)
        blanks.append(spaced[k])
        if word in (")", "]"):
            if not frames:
                return k + 1
            if frames[-1].is_rows:
                frames[-1].end_item(result, blanks)
        before = word.upper()
    return len(words)
