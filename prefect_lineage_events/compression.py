"""Compressed data that is read with a bound: what other programs can edit may unpack to any size. Pure."""

from __future__ import annotations

import base64
import gzip
import zlib

# zlib's own header or that of gzip.
_EITHER_HEADER = zlib.MAX_WBITS | 32


class CompressionError(ValueError):
    """The data is not compressed data of ours: edited by hand, cut, or too large."""


def packed(data: bytes, level: int = 6) -> bytes:
    """The compressed data; equal data give equal bytes."""
    return zlib.compress(data, level)


def gzipped(data: bytes) -> bytes:
    """The content of a file of gzip; equal data give equal bytes."""
    return gzip.compress(data, mtime=0)


def unpacked(data: bytes, limit: int) -> bytes:
    """The data that `packed` or `gzipped` took. Raises CompressionError for other data and above `limit` bytes."""
    unpacker = zlib.decompressobj(wbits=_EITHER_HEADER)
    try:
        found = unpacker.decompress(data, limit)
    except zlib.error as error:
        raise CompressionError(f"it cannot be unpacked: {error}") from error
    if unpacker.unconsumed_tail:
        raise CompressionError("it is too large")
    if not unpacker.eof:
        raise CompressionError("it is cut")
    return found


def packed_text(data: bytes, level: int = 6) -> str:
    """The compressed data as a text of base64."""
    return base64.b64encode(packed(data, level)).decode()


def unpacked_text(text: str, limit: int) -> bytes:
    """The data that `packed_text` took. Raises CompressionError as `unpacked`."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CompressionError(f"it is no base64: {error}") from error
    return unpacked(data, limit)
