"""Sanitising of error messages."""

from __future__ import annotations

import pytest

from prefect_lineage_events.credentials import MAX_LENGTH
from prefect_lineage_events.openlineage.errors import sanitised

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
    "an escaped quote": "value 'it\\'s hunter2' is too long",
    "lines in quotes": "Numeric value 'a\nhunter2' is not recognized",
    "quotes that nobody closes": "Numeric value 'a hunter2",
    "sqlalchemy, brackets": "x\n[SQL: INSERT INTO t VALUES (a[1]\n, 'b]\n[', 'hunter2')]\n[parameters: ()]\n(Background on",
    "sqlalchemy, brackets in values": "x\n[SQL: a]\n[parameters: ('a)]', 'hunter2')]\n(Background on this error at: x)",
    "postgres json": (
        'invalid input syntax for type json\nDETAIL:  Token "hunter2" is invalid.\n'
        'CONTEXT:  JSON data, line 1: {"a": hunter2...'
    ),
    "postgres xml": "invalid XML content\nDETAIL:  line 1: StartTag: invalid element name\nhunter2<\n        ^",
    "postgres function": "x\nQUERY:  SELECT f(hunter2,\n 2)\nCONTEXT:  SQL statement SELECT hunter2\nHINT:  none",
    "duckdb key": 'Constraint Error: Duplicate key "a: hunter2" violates primary key constraint.',
    "duckdb date": 'invalid date field format: "hunter2", expected format is (YYYY-MM-DD)\n\nLINE 1: x\n    ^^^^^^',
    "duckdb format": 'Could not parse string "hunter2" according to format specifier "%Y"\nhunter2\n^\nError: a number',
    "snowflake rows": '100090 (42P18): Duplicate row detected during DML action\nRow Values: [1, "hunter2", [3]]',
    "snowflake json": 'Error parsing JSON: unknown keyword "hunter2", pos 8',
    "sql server": "Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (hunter2).",
    "bigquery": "400 Bad int64 value: hunter2",
    "mongo": 'E11000 duplicate key error collection: x index: email_1 dup key: { email: "hunter2" }',
    "polars": "could not parse `hunter2` as dtype `i64` at column 'a'",
    "dollar quotes": "syntax error in $body$SELECT hunter2$body$",
    "url with a slash in its password": "no route to postgresql://etl:a/hunter2@db/shop",
    "url with an at sign in its password": "no route to postgresql://etl:a@hunter2@db/shop",
    "signed url": "404 for https://account.blob/x?sv=1&sig=hunter2&se=2",
    "bearer": "401 for Authorization: Bearer hunter2hunter2",
    "environment": "AWS_SECRET_ACCESS_KEY=hunter2 is refused",
    "azure": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;EndpointSuffix=core.windows.net is refused",
    "azure, alone": "AccountKey=hunter2 is refused",
    "shared access": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=hunter2",
    "private key": "private_key=hunter2 cannot be read",
    "private key, colon": "private key: hunter2",
    "private key, block": "cannot read -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    "passphrase": "passphrase=hunter2 is wrong",
    "passphrase, prompt": "Enter passphrase for key /home/etl/.ssh/id: hunter2",
    "identified by": "ORA-00988: missing or invalid password(s) in CREATE USER bob IDENTIFIED BY hunter2 QUOTA 1",
    "identified by, lower case": "alter user bob identified by hunter2",
    "encrypt using": "unplug into ? encrypt using hunter2",
    "password, unquoted": "syntax error in CREATE USER bob PASSWORD hunter2",
    "password, lower case": "create user bob with password hunter2",
    "oracle": "ORA-01017: logon denied for u/hunter2@db",
    "oracle, jdbc": "cannot connect to jdbc:oracle:thin:u/hunter2@h:1521/s",
    "oracle, easy connect": "cannot connect to u/hunter2@//h:1521/s",
    "user and password": "fatal: u:hunter2@h is away",
    "share": "mount error: //u:hunter2@h/share",
    "token as a user": "fatal: unable to access https://hunter2@github.example/x",
    "bearer, short": "refused: bearer hunter2",
    "header": "{'Authorization': 'Digest hunter2', 'Accept': 'a'}",
    "header, plain": "Authorization: hunter2 hunter2",
    "cookie": "Set-Cookie: session=hunter2; Path=/",
    "prompt": "Password for user bob: hunter2",
    "prompt, quoted": 'Password for user "bob": hunter2',
    "libpq": "invalid dsn: host=h dbname=d passfile=hunter2 sslpassword=hunter2",
    "libpq, unknown setting": "invalid connection option in host=h opt=hunter2",
    "libpq, blank": "invalid dsn: host=h password='hunter2 x' dbname=d",
    "odbc": "('IM002', '[IM002] Driver={x};Server=h;UID=u;PWD=hunter2;')",
    "odbc, braces": "Driver={x};Server=h;UID=u;PWD={hun;hunter2};Encrypt=yes",
    "ado": "Server=h;User Id=u;Password=my hunter2;Encrypt=yes",
    "jdbc": "No suitable driver for jdbc:sqlserver://h;databaseName=d;user=u;password=hunter2",
    "jdbc, query": "No suitable driver for jdbc:postgresql://h/d?user=u&password=hunter2",
    "motherduck": "cannot open md:shop?motherduck_token=hunter2",
    "query without a name": "404 for https://h/x?hunter2",
    "query": "404 for https://h/x?code=hunter2",
    "aws": "X-Amz-Security-Token=hunter2&X-Amz-Signature=hunter2",
    "a key": "refused: wJalrXUtnFEMIK7MDENGbPxRfiCYhunter2KEY",
    "json": 'refused: {"password": "hunter2", "user": "etl"}',
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_values_are_hidden(message):
    assert SECRET not in sanitised(message)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (MESSAGES["sqlalchemy"], "UNIQUE constraint failed: t.id"),
        (MESSAGES["postgres key"], "Key (email)=(?) already exists."),
        (MESSAGES["url"], "postgresql://***@db.example.com:5432/shop"),
        (MESSAGES["dsn"], "host=db user=etl password=*** dbname=shop"),
        ('relation "orders" does not exist', 'relation "orders" does not exist'),
        (
            'violates foreign key constraint "orders_fk" of table "s.orders"',
            'constraint "orders_fk" of table "s.orders"',
        ),
        ('column "a b; drop" is none', "column ? is none"),
        (MESSAGES["sqlalchemy, brackets in values"], "(Background on this error at: x)"),
        (MESSAGES["postgres function"], "HINT:  none"),
        (MESSAGES["postgres json"], "DETAIL:  Token ? is invalid."),
        (MESSAGES["duckdb date"], "expected format is (YYYY-MM-DD)"),
        (MESSAGES["environment"], "AWS_SECRET_ACCESS_KEY=*** is refused"),
        ('password authentication failed for user "bob"', 'password authentication failed for user "bob"'),
        ("the password is too short", "the password is too short"),
        ("token expired", "token expired"),
        ("Server=h;Database=d;User Id=u;Password=x", "Server=h;Database=d;User Id=u;Password=***"),
        ("read 5 of 12 rows (status=500, retries=3)", "(status=500, retries=3)"),
        ("flow run 0b6d1f2e-8a41-4f0b-9c55-3f0f9e2b7a11 is lost", "0b6d1f2e-8a41-4f0b-9c55-3f0f9e2b7a11"),
        ("payments add up to 2000, more than 1000", "payments add up to 2000, more than 1000"),
        ("the flow's own check couldn't pass", "the flow's own check couldn't pass"),
    ],
)
def test_kind_of_error_is_shown(message, kept):
    assert kept in sanitised(message)


def test_the_length_is_bounded():
    assert len(sanitised("xxxx " * 2 * MAX_LENGTH)) == MAX_LENGTH


@pytest.mark.parametrize(
    "message",
    [
        "x-api-key: S3CR3T",
        "password => S3CR3T",
        "password is S3CR3T",
        "pwd:=S3CR3T",
        "PW=S3CR3T",
        "Passwort: S3CR3T",
        "pin=S3CR3T, otp: S3CR3T",
        "mysql -pS3CR3T -h db",
        "curl -u bob:S3CR3T https://h",
        "sqlplus bob/S3CR3T",
        ".LOGON h/bob,S3CR3T;",
        "aws_secret_access_key S3CR3T",
        "jwt eyJhbGciOiJIUzI1NiJ9.S3CR3T",
        "refused xoxb-123-S3CR3T",
    ],
)
def test_secret_of_any_client_is_cut(message: str) -> None:
    assert "S3CR3T" not in sanitised(message)


@pytest.mark.parametrize(
    "message",
    ["password authentication failed for user bob", "the secret is required", "token expired", "primary key: id"],
)
def test_sentence_about_a_secret_stays(message: str) -> None:
    assert sanitised(message) == message
