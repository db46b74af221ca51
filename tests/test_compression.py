"""Compressed data: read as it was written, within a bound, and refused if it is not ours."""

from __future__ import annotations

import base64
import gzip

import pytest

from prefect_lineage_events.compression import CompressionError, gzipped, packed, packed_text, unpacked, unpacked_text

DATA = b"orders" * 100


@pytest.mark.parametrize("pack", [packed, gzipped])
def test_data_is_read_as_it_was_written(pack):
    assert unpacked(pack(DATA), len(DATA) + 1) == DATA
    assert pack(DATA) == pack(DATA)
    assert unpacked_text(packed_text(DATA, 9), len(DATA) + 1) == DATA


def test_an_archive_of_gzip_is_one_for_other_programs():
    assert gzip.decompress(gzipped(DATA)) == DATA


@pytest.mark.parametrize("pack", [packed, gzipped])
def test_more_than_the_limit_is_refused(pack):
    with pytest.raises(CompressionError, match="too large"):
        unpacked(pack(DATA), len(DATA) - 1)


@pytest.mark.parametrize("pack", [packed, gzipped])
def test_data_that_were_cut_are_refused(pack):
    with pytest.raises(CompressionError, match="cut"):
        unpacked(pack(DATA)[:-4], len(DATA) + 1)


@pytest.mark.parametrize("text", ["%%%", "ü", "YQ", base64.b64encode(b"plain").decode(), ""])
def test_other_texts_are_refused(text):
    with pytest.raises(CompressionError):
        unpacked_text(text, 100)
