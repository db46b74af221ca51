"""How one literal or one quoted name is shown: `?`, or what it names when it names a dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from .lexis import word_set
from .secrets import PLACES, clean_location
from .templates import shown_template

_NO_PLACE_AFTER = frozenset({"DISTINCT", "PROGRAM"})  # IS DISTINCT FROM 'x', COPY FROM PROGRAM 'x'
_NO_PLACE_INSIDE = word_set("EXTRACT TRIM SUBSTRING SUBSTR OVERLAY POSITION BTRIM LTRIM RTRIM DATE_PART")
_PLACE_FUNCTION = re.compile(
    r"(?:READ|SNIFF)_\w+|\w+_SCAN|S3|S3CLUSTER|GCS|URL|FILE|HDFS|AZUREBLOBSTORAGE|DELTALAKE|ICEBERG|ICEBERGS3|HUDI|GLOB"
    r"|FILES|CLOUD_FILES"
)
_NAME_FUNCTIONS = frozenset({"TABLE", "IDENTIFIER"})
_DOTTED_NAME = re.compile(r'@?[A-Za-z_"][\w$."]*\Z')
_LOOKS_LIKE_PLACE = re.compile(r"@|[^\s]*/|[\w\-*]+(?:\.[\w\-]+)*\.[A-Za-z]\w{0,9}\Z")
# The stage path of Snowflake (https://docs.snowflake.com/en/user-guide/querying-stage), unquoted
_STAGE = re.compile(r"""@(?:[\w$.~%*=\-]|/(?!/)|"[^"]*")*""")
_FAR = 60  # words looked back at for what a literal is an argument of


def literal(token: Token, words: Sequence[str], text: str) -> str:
    """`?`; or the literal without credentials, where the words before it say that it names a dataset."""
    if token.token_type is TokenType.NUMBER:
        return "?"
    value = token.text
    is_quoted = text[token.start] in "'\""
    if not words or not (_LOOKS_LIKE_PLACE.match(value) or words[-1] == "("):
        return "?"
    if "'" in value or "\\" in value or not _names_a_dataset(value, words):
        return "?"
    place = clean_location(value.strip('"') if not is_quoted else value)
    if place is None:
        return "?"
    return f"'{place}'" if is_quoted else place


def identifier(word: str) -> str:
    """A quoted name, or what stands for one, as it may be shown: a URL in it without credentials, a template as `?`."""
    first = word[0]
    if first not in "\"`['":
        return shown_template(word)  # or 0xFFG, a number that is none
    if "://" in word:
        place = clean_location(word[1:-1])
        return "?" if place is None else f"{first}{place}{word[-1]}"
    return word


def stage(text: str, start: int) -> str:
    """The stage path that begins at `start`, whole."""
    match = _STAGE.match(text, start)
    return match[0] if match else "@"


def _names_a_dataset(value: str, words: Sequence[str]) -> bool:
    before = words[-1].upper()
    if before in ("=", "=>") and len(words) > 1:
        is_bind = len(words) > 2 and words[-3] == ":"
        return words[-2].upper() in PLACES and not is_bind
    if before in PLACES:
        if len(words) > 1 and words[-2].upper() in _NO_PLACE_AFTER:
            return False
        return before != "FROM" or _enclosing_function(words) not in _NO_PLACE_INSIDE
    if before in ("(", "[", ","):
        opener = _list_opener(words)
        return opener >= 0 and _is_argument_that_names(words, opener, value)
    return False


def _list_opener(words: Sequence[str]) -> int:
    """The index of the `(` or `[` that opens a list whose items so far are all literals; -1 when there is none."""
    for i in range(len(words) - 1, max(len(words) - _FAR, 0) - 1, -1):
        if words[i] in ("(", "["):
            return i
        if words[i] != "," and words[i] != "?" and words[i][0] != "'":
            return -1
    return -1


def _is_argument_that_names(words: Sequence[str], opener: int, value: str) -> bool:
    if words[opener] == "[":
        if opener and words[opener - 1] in ("=", "=>"):
            return opener > 1 and words[opener - 2].upper() in PLACES
        opener -= 1 if opener and words[opener - 1] == "(" else 0
    elif opener != len(words) - 1:
        return False  # what comes after a place in a call may be its key
    if words[opener] != "(" or not opener:
        return False
    function = words[opener - 1].upper()
    if function in _NAME_FUNCTIONS:
        return bool(_DOTTED_NAME.match(value))
    return bool(_PLACE_FUNCTION.fullmatch(function)) and bool(_LOOKS_LIKE_PLACE.match(value))


def _enclosing_function(words: Sequence[str]) -> str:
    """The word before the parenthesis that is open at the end of the words; empty when none is."""
    depth = 0
    for i in range(len(words) - 1, max(len(words) - _FAR, 0) - 1, -1):
        depth += (words[i] == ")") - (words[i] == "(")
        if depth < 0:
            return words[i - 1].upper() if i else ""
    return ""
