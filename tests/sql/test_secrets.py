"""Locations without credentials, and statements about accounts cut short."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql.secrets import clean_location, hide_secrets, without_credentials


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
        ("host=h;password=x", "host=h"),
        ("x:password=y", None),
        ("select 1", None),
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
    assert without_credentials(url) == clean


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
        ("connect scott / tiger", "connect"),
    ],
)
def test_words_where_a_secret_is_expected_are_hidden(text: str, shown: str) -> None:
    words = text.split()
    assert " ".join(hide_secrets(words, [True] * len(words), "snowflake")[0]) == shown
