"""Table functions whose rows come from their arguments alone. Of others it is not known which tables they read."""

from __future__ import annotations

from prefect_lineage_events.sql.lexer import word_set

UNKNOWN_FUNCTION = "the tables that a function reads are known only to the store"
# postgresql.org, duckdb.org, clickhouse.com, docs.snowflake.com, spark.apache.org, learn.microsoft.com, sqlite.org,
# trino.io, docs.oracle.com, docs.vertica.com, docs.teradata.com: table functions, set-returning functions
_GENERATORS = word_set(
    """unnest generate_series generate_subscripts regexp_matches regexp_split_to_table string_to_table
    json_array_elements json_array_elements_text json_each json_each_text json_object_keys json_populate_record
    json_populate_recordset json_to_record json_to_recordset jsonb_array_elements jsonb_array_elements_text
    jsonb_each jsonb_each_text jsonb_object_keys jsonb_populate_record jsonb_populate_recordset jsonb_to_record
    jsonb_to_recordset jsonb_path_query jsonb_path_query_array json_table xmltable each skeys svals ts_parse
    ts_debug ts_token_type aclexplode multirange_unnest range repeat repeat_row summary test_all_types json_tree
    json_structure sql_auto_complete which_secret checkpoint force_checkpoint explode explode_outer posexplode
    posexplode_outer inline inline_outer stack json_tuple parse_url_tuple variant_explode variant_explode_outer
    sql_keywords string_split openjson openxml numbers numbers_mt zeros zeros_mt values generaterandom
    generateseries null view viewifpermitted viewexplain format fuzzjson fuzzquery primes sequence split flatten
    flatten_table generator split_to_table strtok_split_to_table table lateral only rows arrayjoin hop tumble
    session cumulate mapitems mapkeys mapvalues carray csv icu_calendar_names exclude_columns infer_schema nodes
    glob sniff_csv string_to_rows generate_date_array generate_timestamp_array generate_array"""
)
# Functions of the store about itself, and those of its utility packages.
_PREFIXES = (
    "pg_",
    "duckdb_",
    "pragma_",
    "dbms_",
    "sys",
    "odci",
    "parquet_",
    "json",
    "jsonb_",
    "xml",
    "st_",
    "fn_",
    "dm_",
    "gv$",
)


def is_generator(name: str) -> bool:
    """Return whether a function of this name (in lower case) reads no table."""
    return name in _GENERATORS or name.startswith(_PREFIXES)
