"""Facts about SQL dialects: one row for each, in `DIALECTS`. The fields are explained in `dialect_facts`.

The module needs no SQL parser. It is at the top level, below `naming` and `stores`, because these need the case and
the levels of names, and all other facts of a dialect are in the same row. Tables of what belongs to one file alone
(catalogs, table functions, transactions) stay in that file.
"""

from __future__ import annotations

from dataclasses import replace

from prefect_lineage_events.dialect_facts import Dialect

_DUCKDB_READERS = frozenset(
    {
        "read_csv", "read_csv_auto", "read_parquet", "parquet_scan", "read_json", "read_json_auto", "read_json_objects",
        "read_json_objects_auto", "read_ndjson", "read_ndjson_auto", "read_ndjson_objects", "read_text", "read_blob",
        "read_xlsx", "st_read", "delta_scan", "iceberg_scan", "sqlite_scan",
    }
)  # fmt: skip
_CLICKHOUSE_READERS = frozenset(
    {
        "s3", "s3cluster", "gcs", "url", "urlcluster", "file", "filecluster", "hdfs", "hdfscluster", "azureblobstorage",
        "azureblobstoragecluster", "deltalake", "deltalakecluster", "iceberg", "iceberg_s3", "icebergs3",
        "icebergs3cluster", "iceberglocal", "hudi", "hudicluster",
    }
)  # fmt: skip
_GENERIC = Dialect(
    expands_columns=True, file_readers=_DUCKDB_READERS,
    is_psql=True, select_into_creates=True, into_optional=True, explains_tables=True, prepares=True,
    identifier_clause=True, text_tables=True, double_quoted_texts=True, implicit_recursion=True, rows_by_name=True,
)  # fmt: skip
_POSTGRES = Dialect(
    plain="lower", default_schema="public", catalog_first=True, is_psql=True, select_into_creates=True, prepares=True,
    value_tables=True, column_naming="postgres", rows_by_name=True, json_arrows="all",
)  # fmt: skip
_MYSQL = Dialect(
    levels=2, executable_comments=True, dollar_names=True, into_optional=True, explains_tables=True, prepares=True,
    drop_schema_cascades=True, double_quoted_texts=True, text_aliases=True,
)  # fmt: skip
_TSQL = Dialect(
    naming_functions=frozenset(
        {"changetable", "containstable", "freetexttable", "semantickeyphrasetable", "semanticsimilaritytable",
         "semanticsimilaritydetailstable"}
    ),
    verbs_without_data=frozenset({"DBCC", "LINENO", "REVERT", "SETUSER"}),
    default_schema="dbo", is_tsql=True, has_blocks=True, dollar_names=True, marked_variables=True,
    select_into_creates=True, into_optional=True, from_optional=True, calls_by_name=True, text_aliases=True,
    implicit_recursion=True, column_naming="none",
)  # fmt: skip
_GROUPING = frozenset({"grouping__id"})
_SPARK = Dialect(
    plain="lower", quoted="lower", default_schema="default", use_names_schema=True, use_resets_schema=True,
    drop_database_restricts=True, identifier_clause=True, path_tables=True, text_tables=True, double_quoted_texts=True,
    struct_fields=True, constants=_GROUPING,
)  # fmt: skip
_PRESTO = Dialect(
    plain="lower", quoted="lower", prepares=True, struct_fields=True, column_naming="trino", use_names_schema=True
)
_FILES = Dialect(plain="lower", quoted="lower", path_tables=True, text_tables=True, struct_fields=True)

DIALECTS: dict[str, Dialect] = {
    "": _GENERIC,
    "athena": replace(_PRESTO, default_schema="default", use_names_schema=False),
    "bigquery": Dialect(
        unnests_fields=True,
        has_blocks=True, into_optional=True, from_optional=True, correlated_arrays=True, recovered_arrays=True,
        double_quoted_texts=True, struct_fields=True, column_naming="bigquery", rows_by_name=True,
    ),
    "cassandra": Dialect(levels=2),
    "clickhouse": Dialect(
        parallel_statements=True, inserts_into_functions=True, alter_changes_rows=True, storage_engines=True,
        dictionary_prefix="dictget", sets_of_tables=True, file_readers=_CLICKHOUSE_READERS,
        naming_functions=frozenset({"dictionary"}),
        parenthesised_statements=frozenset({"EXPLAIN"}),
        levels=2, default_schema="default", into_optional=True, explains_tables=True, drop_schema_cascades=True,
        renames_into_current_schema=True, creates_as_table=True, recovered_arrays=True, calls_name_locations=True,
        lateral_aliases=True, struct_fields=True,
    ),
    "databricks": replace(
        _SPARK, has_blocks=True, explains_tables=True, lateral_aliases=True, database_is_schema=True,
        file_readers=frozenset({"read_files", "cloud_files"}), verbs_without_data=frozenset({"CONVERT"}),
    ),
    "dax": Dialect(),
    "db2": Dialect(
        plain="upper", user_schema=True, use_names_schema=True, has_blocks=True, from_optional=True,
        implicit_recursion=True,
        verbs_without_data=frozenset({"ACTIVATE", "DEACTIVATE", "QUIESCE", "TERMINATE", "TRANSFER", "UNQUIESCE"}),
    ),
    "doris": replace(_MYSQL, struct_fields=True, internal_catalog="internal"),
    "dremio": _FILES,
    "drill": _FILES,
    "druid": Dialect(),
    "duckdb": Dialect(
        use_names_either=True, always_searched="main", temporary_catalog=True, attaches="any", query_function=True,
        recurring_tables=True, expands_columns=True, file_readers=_DUCKDB_READERS, calls_functions=True,
        in_memory_scans=frozenset({"pandas_scan", "arrow_scan"}),
        parenthesised_statements=frozenset({"SHOW"}),
        plain="lower", quoted="lower", embedded=True, default_schema="main", prepares=True, file_tables=True,
        text_tables=True, lateral_aliases=True, struct_fields=True, rows_by_name=True, json_arrows="first",
        copies_by_position=True,
    ),
    "dune": Dialect(plain="lower", quoted="lower"),
    "exasol": Dialect(
        plain="upper", levels=2, use_names_schema=True, has_blocks=True,
        parenthesised_statements=frozenset({"IMPORT", "EXPLAIN"}),
        verbs_without_data=frozenset({"IMPERSONATE", "REORGANIZE"}),
    ),
    "fabric": _TSQL,
    "greenplum": replace(_POSTGRES, is_psql=False),
    "hive": Dialect(
        plain="lower", quoted="lower", levels=2, default_schema="default", drop_database_restricts=True,
        renames_into_current_schema=True, double_quoted_texts=True, struct_fields=True, column_naming="hive",
        constants=_GROUPING,
    ),
    "impala": Dialect(
        plain="lower", quoted="lower", levels=2, default_schema="default", renames_into_current_schema=True
    ),
    "materialize": _POSTGRES,
    "mysql": replace(
        _MYSQL, renames_into_current_schema=True, sets_autocommit=True, do_evaluates=True, json_arrows="all",
        creates_by_name=True,
        constants=frozenset({"utc_date", "utc_time", "utc_timestamp"}),
    ),
    "oracle": Dialect(
        plain="upper", user_schema=True, is_plsql=True, has_blocks=True, from_optional=True, calls_by_name=True,
        implicit_recursion=True,
        verbs_without_data=frozenset({"ADMINISTER", "ASSOCIATE", "DISASSOCIATE", "NOAUDIT", "PIPE", "WHENEVER"}),
        constants=frozenset(
            {"rownum", "level", "user", "uid", "sysdate", "systimestamp", "sessiontimezone", "dbtimezone",
             "connect_by_iscycle", "connect_by_isleaf"}
        ),
    ),
    "postgres": replace(_POSTGRES, constants=frozenset({"user"})),
    "presto": replace(_PRESTO, renames_into_current_schema=True),
    "prql": Dialect(),
    "redshift": replace(
        _POSTGRES, quoted="lower", recovered_arrays=True, unpivots_objects=True, lateral_aliases=True,
        struct_fields=True, constants=frozenset({"user", "sysdate"}),
    ),
    "risingwave": _POSTGRES,
    "singlestore": replace(_MYSQL, renames_into_current_schema=True, sets_autocommit=True),
    "snowflake": Dialect(
        positions=True, has_last_query=True, flattens=True, flow_operator=True, double_dot_skips_schema=True,
        creation_uses=True, plain="upper", default_schema="PUBLIC", use_resets_schema=True, has_blocks=True,
        stages=True, marked_variables=True, drop_schema_cascades=True, renames_into_current_schema=True,
        identifier_clause=True, text_tables=True, lateral_aliases=True, implicit_recursion=True,
        access_history=True, verbs_without_data=frozenset({"AWAIT", "CANCEL"}),
    ),
    "solr": Dialect(),
    "spark": replace(_SPARK, has_blocks=True, explains_tables=True, lateral_aliases=True),
    "spark2": _SPARK,
    "sqlite": Dialect(
        plain="lower", quoted="lower", levels=2, embedded=True, text_aliases=True, names_may_be_texts=True,
        texts_may_name_tables=True, attaches="own", json_arrows="all",
    ),
    "starrocks": replace(_MYSQL, struct_fields=True, internal_catalog="default_catalog"),
    "tableau": Dialect(),
    "teradata": Dialect(
        plain="lower", quoted="lower", levels=2, user_schema=True, short_verbs=True, has_blocks=True,
        into_optional=True, from_optional=True, renames_into_current_schema=True, creates_as_table=True,
        lateral_aliases=True,
        verbs_without_data=frozenset({"DIAGNOSTIC", "GIVE", "LOGGING", "MODIFY", "QUERY"}),
        constants=frozenset({"date", "time", "user", "session", "account", "database", "role", "profile"}),
    ),
    "trino": _PRESTO,
    "tsql": replace(
        _TSQL, plain="lower", quoted="lower", keeps_spelling=True, catalog_first=True,
        file_readers=frozenset({"openrowset"}),
        constants=frozenset({"user", "$action"}),
    ),
    "vertica": Dialect(
        plain="lower", quoted="lower", default_schema="public", has_blocks=True,
        verbs_without_data=frozenset({"PROFILE"}),
    ),
}  # fmt: skip
_OTHER = Dialect()


def dialect_of(name: str) -> Dialect:
    """The facts about a dialect, by sqlglot's name for it."""
    return DIALECTS.get(name, _OTHER)
