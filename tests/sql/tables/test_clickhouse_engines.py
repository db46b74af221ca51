"""Engines of ClickHouse's tables and sources of its dictionaries: the tables behind them."""

from __future__ import annotations

import pytest

from prefect_lineage_events.sql import analyze
from prefect_lineage_events.sql.model import Confidence


def _source(text: str) -> str:
    return f"create dictionary d.x (id UInt64) primary key id source({text}) layout(flat()) lifetime(300)"


@pytest.mark.parametrize(
    ("text", "tables", "confidence"),
    [
        (_source("clickhouse(host 'localhost' port 9000 user 'u' password 'pw' db 'a' table 'src')"), "a.src", "exact"),
        (_source("clickhouse(table 'src' where 'b > 1')"), "db.src", "exact"),
        (_source("clickhouse(table 'a.src')"), "a.src", "exact"),
        (_source("clickhouse(query 'select id from a.src join a.more using id')"), "a.src a.more", "exact"),
        (_source("clickhouse(host 'h' port 9000 db 'a' table 'src')"), "clickhouse://h:8123|a.src", "exact"),
        (_source("clickhouse(name saved table 'src')"), "", "partial"),
        (
            _source("mysql(host 'h' port 3307 user 'u' password 'pw' db 'a' table 'src')"),
            "mysql://h:3307|a.src",
            "exact",
        ),
        (_source("mysql(port 3306 replica(host 'h1' priority 1) db 'a' table 'src')"), "", "partial"),
        (_source("postgresql(host 'h' port 5432 db 'a' table 'src')"), "postgres://h:5432|a.public.src", "exact"),
        (_source("mongodb(host 'h' port 27017 db 'a' collection 'src')"), "mongodb://h:27017|a.src", "exact"),
        (_source("redis(host 'h' port 6379)"), "", "partial"),
        (_source("file(path '/x.csv' format 'CSV')"), "", "exact"),
        ("create table x (a Int8) engine = Distributed(c, a, src, rand())", "a.src", "exact"),
        ("create table x engine = Buffer('a', 'src', 16, 1, 2, 3, 4, 5, 6)", "a.src", "exact"),
        ("create table x (a Int8) engine = Merge(a, '^s')", "", "partial"),
        ("create table x (a Int8) engine = Dictionary('a.src')", "a.src", "exact"),
        ("create table x (a Int8) engine = MySQL('h:3306', 'a', 'src', 'u', 'pw')", "mysql://h:3306|a.src", "exact"),
        ("create table x (a Int8) engine = Kafka('h:9092', 'topic', 'g', 'CSV')", "kafka://h:9092|topic", "exact"),
        (
            "create table x (a Int8) engine = Kafka settings kafka_broker_list = 'h:9092', kafka_topic_list = 'topic'",
            "kafka://h:9092|topic",
            "exact",
        ),
        ("create table x (a Int8) engine = RabbitMQ settings rabbitmq_host_port = 'h:5672'", "", "exact"),
        ("create table x (a Int8) engine = MergeTree order by a", "", "exact"),
        ("create table x as remote('h', a, src)", "clickhouse://h:8123|a.src", "exact"),
        ("create table x clone as a.src", "a.src", "exact"),
        ("insert into x from infile 'f.csv' format CSV", "f.csv", "exact"),
        ("select dictGet(a.src, 'v', id), joinGet(j, 'v', k) from t", "a.src db.j db.t", "exact"),
        ("select * from dictionary(a.src)", "a.src", "exact"),
        ("select * from timeSeriesSamples('a.src')", "a.src", "exact"),
        ("select * from timeSeriesTags(a, src)", "a.src", "exact"),
        ("select * from timeSeriesMetrics(src)", "db.src", "exact"),
    ],
)
def test_tables_behind_an_engine_are_read(text: str, tables: str, confidence: Confidence) -> None:
    (statement,) = analyze(text, dialect="clickhouse", schema="db", columns=False)
    found = {f"{t.namespace}|{t.name}" if t.namespace else t.name for t in statement.inputs}
    assert (found, statement.confidence) == (set(tables.split()), confidence)


def test_the_name_of_a_dictionary_is_no_column() -> None:
    (statement,) = analyze("select dictGet(d.x, 'v', id) as v from t", dialect="clickhouse")
    assert [(e.source.name, e.source_column) for e in statement.columns] == [("t", "id")]


def test_listed_columns_are_the_declared_ones() -> None:
    (statement,) = analyze("select columns(a, b), sum(c) as c from t", dialect="clickhouse")
    assert [(e.source_column, e.target_column) for e in statement.columns] == [("a", "a"), ("b", "b"), ("c", "c")]
