"""Conversions of strings and times by Java and PostgreSQL, as far as Marquez's responses depend on them.

Every rule here was found in Marquez's source (version 0.51.2) or in the schema of its database, and is tested against
the recordings by `test_against_recordings.py`.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any

NAMESPACE = re.compile(r"[a-zA-Z:;=/0-9_\-.@+]{1,1024}")
"""What `NamespaceName` accepts; reading any row whose namespace is outside of it fails."""

INDEX_ROW_LIMIT = 2704
"""Bytes of one row of a PostgreSQL B-tree index (a third of a page); longer names cannot be stored."""

COMPRESSED_FROM = 509
"""Bytes from which PostgreSQL tries to compress a value of an index row."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAYS_IN_400_YEARS = 146_097
MICROSECONDS_A_DAY = 86_400_000_000

EVENT_TIME = re.compile(
    r"(?P<date>[+-]?\d{4,9}-\d\d-\d\d)T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d(?::\d\d)?)?",
    re.IGNORECASE,
)


class Unacceptable(Exception):
    """Java's `IllegalArgumentException`: a POST gives 400 and keeps the parts it had stored, a GET gives 500."""


class Failed(Exception):
    """Any other exception in the server: 500."""


class FailedStatement(Failed):
    """The database refused a statement: 500, and a GET shows the database's own message."""


class NotFound(Exception):
    """404 with the message given."""


def namespace_name(value: str) -> str:
    if not NAMESPACE.fullmatch(value):
        raise Unacceptable(f"namespace '{value}' must contain only letters, numbers and some marks")
    return value


def not_blank(value: str) -> str:
    """Names of jobs, datasets, columns and sources are not blank. Java's `trim` treats every character up to the space
    as blank.
    """
    if all(character <= " " for character in value):
        raise Unacceptable("value must not be blank")
    return value


def safe_namespace(value: str) -> str:
    """The spelling under which job namespaces are stored. It has fewer characters than are accepted: `;` and `=` are
    replaced too.
    """
    return re.sub(r"[^a-z:/A-Z0-9\-_.@+]", "_", value)


def text(*values: Any) -> None:
    """Return the text, or raise: PostgreSQL accepts no NUL in a text."""
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise FailedStatement('ERROR: invalid byte sequence for encoding "UTF8": 0x00')


def document(value: Any) -> None:
    """Return the document, or raise: PostgreSQL accepts no NUL in a JSON document, at any depth."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and "\0" in item:
            raise FailedStatement("ERROR: unsupported Unicode escape sequence")


def varchar(value: str | None, limit: int) -> None:
    text(value)
    if value is not None and len(value) > limit:
        raise FailedStatement(f"ERROR: value too long for type character varying({limit})")


def index_row(*values: str | None, fixed: int = 0) -> None:
    """Raise for a row that does not fit into an index over the texts `values` and `fixed` bytes of other columns."""
    text(*values)
    size = 8 + fixed + sum(_indexed_bytes(value) for value in values if value is not None)
    if size > INDEX_ROW_LIMIT:
        raise FailedStatement(f"ERROR: index row size {size} exceeds btree version 4 maximum {INDEX_ROW_LIMIT}")


def _indexed_bytes(value: str) -> int:
    encoded = encode(value)
    size = len(encoded)
    if size >= COMPRESSED_FROM:
        # PostgreSQL's compressor finds repetitions only, as deflate does when its Huffman codes are the fixed ones
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
        compressed = len(deflate.compress(encoded) + deflate.flush())
        if compressed < size * 3 // 4:
            size = compressed
    return size + (1 if size <= 126 else 4)


def encode(value: str) -> bytes:
    """UTF-8 as Java writes it: half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace")


def uuid_of_bytes(data: bytes) -> uuid.UUID:
    """Java's `UUID.nameUUIDFromBytes`."""
    return uuid.UUID(bytes=hashlib.md5(data, usedforsecurity=False).digest(), version=3)


def version_of(*parts: Any) -> uuid.UUID:
    """The hash by which Marquez distinguishes versions of jobs, datasets and schemas; missing parts are left out."""
    return uuid_of_bytes(encode(":".join(str(part) for part in parts if part is not None)))


def uuid_of_names(*parts: str) -> uuid.UUID:
    return uuid_of_bytes(uuid.NAMESPACE_URL.bytes + encode(".".join(parts)))


def parse_uuid(value: str) -> uuid.UUID | None:
    """Java's `UUID.fromString`, which accepts groups of any length (`1-2-3-4-5`)."""
    groups = value.split("-")
    if len(value) > 36 or len(groups) != 5 or not all(re.fullmatch("[0-9a-fA-F]{1,16}", group) for group in groups):
        return None
    widths = (8, 4, 4, 4, 12)
    return uuid.UUID(hex="".join(group.zfill(width)[-width:] for group, width in zip(groups, widths, strict=True)))


def run_uuid(run_id: str) -> uuid.UUID:
    """The id of a run. An id that is no UUID is replaced by one derived from it."""
    return parse_uuid(run_id) or uuid_of_bytes(encode(run_id))


def is_uri(value: str) -> bool:
    """Return true if `java.net.URI` parses it: RFC 2396, with other Unicode letters allowed."""
    if re.search(r'[\x00-\x20"<>\\^`{|}\x7f-\xa0\u2028\u2029]|%(?![0-9a-fA-F]{2})', value):
        return False
    scheme = re.match(r"([^:/?#]*):(.*)", value, re.DOTALL)
    if scheme and (not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.\-]*", scheme[1]) or not scheme[2]):
        return False
    rest = scheme[2] if scheme else value
    authority, path = re.match(r"(?://([^/?#]*))?([^?#]*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    outside_brackets = re.sub(r"(^|@)\[[0-9a-fA-F:.%]+\]", "", authority or "")
    return not re.search(r"[\[\]]", outside_brackets + path) and rest.count("#") <= 1


def connection_url(value: str | None) -> str | None:
    """The stored form of a `dataSource` facet's uri; None where the database then refuses the row."""
    if value is None:
        return ""
    if is_uri(value):
        return value
    return f"http://{value}" if is_uri(f"http://{value}") else None


def is_url(value: str | None) -> bool:
    """Return true if `java.net.URL` accepts it; another location is shown as null."""
    return value is not None and re.match(r"\s*(https?|file|ftp|jar|mailto):", value, re.IGNORECASE) is not None


def now() -> int:
    """Microseconds since 1970, the resolution of the database."""
    return time.time_ns() // 1000


def parse_time(value: str | float) -> int:
    """Microseconds since 1970 of an event's time; raises `ValueError` for texts that Jackson refuses."""
    if isinstance(value, (int, float)):
        return round(value * 1_000_000)
    match = EVENT_TIME.fullmatch(value)
    if not match:
        raise ValueError(value)
    year, month, day = (int(part) for part in re.match(r"([+-]?\d+)-(\d\d)-(\d\d)", match["date"]).groups())  # type: ignore[union-attr]
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if (hour, minute, second) > (23, 59, 59) and (hour, minute, second) != (24, 0, 0):
        raise ValueError(value)
    cycles, year_in_cycle = divmod(year - 1600, 400)
    moment = datetime(1600 + year_in_cycle, month, day, tzinfo=timezone.utc) + timedelta(
        days=hour // 24, hours=hour % 24, minutes=minute, seconds=second
    )
    fraction = round(int((match["fraction"] or "0").ljust(9, "0")) / 1000)
    whole = (moment - EPOCH) // timedelta(microseconds=1)
    return whole + cycles * DAYS_IN_400_YEARS * MICROSECONDS_A_DAY + fraction - _offset(match["zone"])


def _offset(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    hours, minutes, *seconds = (int(part) for part in zone[1:].split(":"))
    size = ((hours * 60 + minutes) * 60 + sum(seconds)) * 1_000_000
    return -size if zone[0] == "-" else size


def instant(microseconds: int | None) -> str | None:
    """Java's `Instant.toString`: no fraction, or three digits, or six."""
    if microseconds is None:
        return None
    cycles, within = divmod(microseconds - _YEAR_1600, DAYS_IN_400_YEARS * MICROSECONDS_A_DAY)
    moment = datetime(1600, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=within)
    year = moment.year + 400 * cycles
    fraction = f".{moment.microsecond:06d}" if moment.microsecond % 1000 else f".{moment.microsecond // 1000:03d}"
    shown = f"{year:04d}" if year <= 9999 else f"+{year}"
    return f"{shown}-{moment:%m-%dT%H:%M:%S}{fraction if moment.microsecond else ''}Z"


_YEAR_1600 = (datetime(1600, 1, 1, tzinfo=timezone.utc) - EPOCH) // timedelta(microseconds=1)


def zoned(value: str | float) -> str:
    """An event's time as Marquez writes it back: with seconds, and without the zeros that end a fraction."""
    if isinstance(value, (int, float)):
        return instant(parse_time(value)) or ""
    match = EVENT_TIME.fullmatch(value)
    if not match:
        raise ValueError(value)
    fraction = (match["fraction"] or "").rstrip("0")
    zone = (match["zone"] or "Z").upper()
    return f"{match['date']}T{match['hour']}:{match['minute']}:{match['second'] or '00'}{'.' * bool(fraction)}{fraction}{zone}"


def short_zoned(value: str) -> str:
    """Java's `ZonedDateTime.toString`, the format of times in a run's arguments.

    Seconds that are zero are left out; fractions have three, six or nine digits.
    """
    match = EVENT_TIME.fullmatch(value)
    if not match:
        raise ValueError(value)
    fraction = match["fraction"] or ""
    if fraction:
        fraction = "." + fraction.ljust(-(-len(fraction) // 3) * 3, "0")
    seconds = f":{match['second']}{fraction}" if match["second"] != "00" or fraction else ""
    return f"{match['date']}T{match['hour']}:{match['minute']}{seconds}{match['zone']}"
