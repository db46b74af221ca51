"""What may be told of an error."""

from __future__ import annotations

import pytest

from prefect_lineage_events.openlineage.errors import MAX_LENGTH, sanitised

SECRET = "hunter2"
MESSAGES = {
    "sqlalchemy": (
        "Flow run encountered an exception: IntegrityError: (sqlite3.IntegrityError) UNIQUE constraint failed: t.id\n"
        "[SQL: INSERT INTO t (id, note) VALUES (?, 'hunter2')]\n[parameters: (1, 'hunter2')]\n"
        "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
    ),
    "sqlalchemy, many rows": "x\n[SQL: INSERT INTO t VALUES (?)]\n[parameters: [('hunter2',), ('b]',)]]\n(Background on)",
    "sqlalchemy, named": "x\n[SQL: INSERT INTO t VALUES (%(a)s)]\n[parameters: {'a': 'hunter2'}]",
    "sqlalchemy, cut off": "x\n[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('abc', 'hunter2",
    "postgres row": "null value violates not-null constraint\nDETAIL:  Failing row contains (1, hunter2, null).",
    "postgres key": "duplicate key value violates unique constraint\nDETAIL:  Key (email)=(hunter2) already exists.",
    "postgres input": 'invalid input syntax for type integer: "hunter2"',
    "postgres line": "syntax error at or near ?\nLINE 1: SELECT hunter2 FROM users WHERE x = 12\n               ^\n",
    "snowflake": "100038 (22018): Numeric value 'hunter2' is not recognized",
    "url": "could not connect to postgresql://etl:hunter2@db.example.com:5432/shop",
    "dsn": "connection failed: host=db user=etl password=hunter2 dbname=shop",
    "token": "request refused, api_key: hunter2",
    "quotes in quotes": "value 'it''s hunter2' is too long",
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_values_do_not_show(message):
    assert SECRET not in sanitised(message)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (MESSAGES["sqlalchemy"], "UNIQUE constraint failed: t.id"),
        (MESSAGES["postgres key"], "Key (email)=(?) already exists."),
        (MESSAGES["url"], "postgresql://***@db.example.com:5432/shop"),
        (MESSAGES["dsn"], "host=db user=etl password=*** dbname=shop"),
        ('relation "orders" does not exist', 'relation "orders" does not exist'),
        ("payments add up to 2000, more than 1000", "payments add up to 2000, more than 1000"),
        ("the flow's own check couldn't pass", "the flow's own check couldn't pass"),
    ],
)
def test_what_went_wrong_still_shows(message, kept):
    assert kept in sanitised(message)


def test_the_length_is_bounded():
    assert len(sanitised("x" * 10 * MAX_LENGTH)) == MAX_LENGTH
