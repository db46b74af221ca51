"""x"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token

DEFAULT_LIMIT = 4_000


def fingerprint(tokens: Sequence[Token] | None, text: str, dialect: str) -> str:
    words = text if tokens is None else " ".join(t.text for t in tokens)
    return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()


def sanitise_tokens(tokens: Sequence[Token] | None, text: str, dialect: str, limit: int) -> str:
    return ""
