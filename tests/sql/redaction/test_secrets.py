"""Locations without credentials, and statements about accounts that are cut."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.locations import clean_location, clean_url
from prefect_lineage_events.sql.redaction.secrets import hide_secrets


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("s3://bucket/dir/x.csv", "s3://bucket/dir/x.csv"),
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("s3://key:sec/r@t@bucket/x", "s3://bucket/x"),
        ("s3://token@bucket/x", "s3://bucket/x"),
        ("https://host/x.csv?sig=abc#d", "https://host/x.csv"),
        ("https://host/x;jsessionid=1", "https://host/x"),
        ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ("abfss://user:key@account/x", "abfss://account/x"),
        ("@db.s.stage/2024/", "@db.s.stage/2024/"),
        ("data/year=2024/*.parquet", "data/year=2024/*.parquet"),
        ("postgres:dbname=d password=x", None),
        ("host=h;password=x", None),
        ("host=/tmp/h dbname=d password=x", None),
        ("AccountName=a;AccountKey=x", None),
        ("x:password=y", None),
        ("password=y", None),
        ("jdbc:oracle:thin:u/x@h:1521/s", None),
        ("jdbc:postgresql://u:x@h/d?password=x", None),
        ("sqlserver://h;password=x", None),
        ("u/x@db", None),
        ("//u:x@h/share", "//h/share"),
        ("\\\\u:x@h\\share", "\\\\h\\share"),
        ("/x.db?key=y", "/x.db"),
        ("x.db?y", "x.db"),
        ("data/part-??.csv", "data/part-??.csv"),
        ("data/my report.csv", "data/my report.csv"),
        ("s3://b/user_id=5/x.csv", "s3://b/user_id=5/x.csv"),
        ("file:C:/x.csv", "file:C:/x.csv"),
    ],
)
def test_a_location_has_no_credentials(text: str, clean: str | None) -> None:
    assert clean_location(text) == clean


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("s3://key:sec/r@t@bucket/x", "s3://bucket/x"),
        ("s3://bucket/dir@2/x", "s3://bucket/dir@2/x"),
        ("https://user:pw@host:8080/a@b?token=x", "https://host:8080/a@b"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ("data/what?.csv", "data/what?.csv"),
    ],
)
def test_a_url_names_its_place_without_credentials(url: str, clean: str) -> None:
    assert clean_url(url) == clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("create or replace user bob default_role = r", "create or replace user bob"),
        ("create secret ( type s3 )", "create secret"),
        ("alter user if exists db . bob rename to x", "alter user if exists db . bob"),
        ("create user mapping for bob server s", "create user mapping for bob"),
        ("create table users ( password varchar )", "create table users ( password varchar )"),
        ("create table t with ( password = abc )", "create table t with ( password = ? )"),
        ("copy t credentials = ( a = b c )", "copy t credentials = ( ? )"),
        ("set x = a / b , y = c", "set x = ? , y = ?"),
        ("set search_path = a , b", "set search_path = a , b"),
        ("connect scott / tiger", "connect ?"),
        ("conn scott / tiger @ db", "conn ?"),
        ("define pw = tiger", "define ?"),
        ("export PW = tiger", "export ?"),
        (". logon h / u , tiger", "?"),
        ("add jar x", "add ?"),
        ("copy from u / tiger @ db create t using select", "copy ?"),
        ("alter pluggable database p unplug into ? encrypt using tiger", "alter pluggable database p"),
        ("create database a clone b", "create database a clone b"),
        (
            "copy into t file_format = ( type = csv x = tiger )",
            "copy into t file_format = ( type = csv x = ? )",
        ),
        ("select a from mysql ( nc , x = tiger )", "select a from mysql ( nc , x = ? )"),
        ("select a from t where x = y", "select a from t where x = y"),
        ("pragma x ( tiger )", "pragma x ( ? )"),
    ],
)
def test_words_where_a_secret_is_expected_are_hidden(text: str, shown: str) -> None:
    words = text.split()
    assert " ".join(hide_secrets(words, [True] * len(words), "snowflake")[0]) == shown
