"""Catalogs: the tables in which a store describes itself. Reading them is no lineage.

Each store has its own. The same name in another store is a user's table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from prefect_lineage_events.dialects import dialect_of
from prefect_lineage_events.sql.model import TableRef

_STANDARD = frozenset({"information_schema"})  # SQL:2011 part 11
_POSTGRES = _STANDARD | {"pg_catalog", "pg_toast"}
_MYSQL = _STANDARD | {"mysql", "performance_schema", "sys"}
_SCHEMAS: Mapping[str, frozenset[str]] = {
    "": _STANDARD,
    "snowflake": _STANDARD,
    "bigquery": _STANDARD,  # `region-eu`.INFORMATION_SCHEMA.TABLES
    "databricks": _STANDARD,
    "fabric": _STANDARD | {"sys", "queryinsights"},
    "tsql": _STANDARD | {"sys"},
    "trino": _STANDARD,
    "presto": _STANDARD,
    "athena": _STANDARD,
    "hive": _STANDARD | {"sys"},  # Hive 4
    "drill": _STANDARD | {"sys"},
    "dremio": _STANDARD | {"sys"},
    "postgres": _POSTGRES,
    "greenplum": _POSTGRES | {"gp_toolkit"},
    "redshift": _POSTGRES,
    "materialize": _POSTGRES | {"mz_catalog", "mz_internal", "mz_introspection"},
    "risingwave": _POSTGRES | {"rw_catalog"},
    "duckdb": _STANDARD | {"pg_catalog"},
    "clickhouse": _STANDARD | {"system"},
    "mysql": _MYSQL,
    "singlestore": _MYSQL | {"memsql"},
    "doris": _MYSQL | {"__internal_schema"},
    "starrocks": _MYSQL | {"_statistics_"},
    "oracle": frozenset({"sys"}),
    "exasol": frozenset({"sys", "exa_statistics"}),
    "teradata": frozenset({"dbc"}),
    "db2": frozenset({"syscat", "sysibm", "sysibmadm", "sysstat", "sysfun"}),
    "vertica": frozenset({"v_catalog", "v_monitor", "v_internal"}),
}
# Databases (catalogs) that are the store's own.
_DATABASES: Mapping[str, frozenset[str]] = {
    "trino": frozenset({"system"}),
    "presto": frozenset({"system"}),
    "databricks": frozenset({"system"}),  # docs.databricks.com: system tables
    "snowflake": frozenset({"snowflake"}),  # docs.snowflake.com: SNOWFLAKE database
}
# Schemas of those databases, without a database before them.
_SCHEMAS_ALONE: Mapping[str, frozenset[str]] = {
    "snowflake": frozenset({"account_usage", "organization_usage", "reader_account_usage", "data_sharing_usage"})
}

# The catalog of PostgreSQL 9.6 to 18 may be named without its schema, which stands before every search path.
_PG = (
    r"pg_(?:aggregate|aios|am|amop|amproc|attrdef|attribute|auth_members|authid|available_extension(?:s|_versions)"
    r"|backend_memory_contexts|cast|class|collation|config|constraint|conversion|cursors|database|db_role_setting"
    r"|default_acl|depend|description|dist_object|enum|event_trigger|extension|file_settings|foreign_data_wrapper"
    r"|foreign_server|foreign_table|group|hba_file_rules|ident_file_mappings|index|indexes|inherits|init_privs|language"
    r"|largeobject|largeobject_metadata|locks|matviews|namespace|opclass|operator|opfamily|parameter_acl"
    r"|partitioned_table|policies|policy|prepared_statements|prepared_xacts|proc|publication(?:_\w+)?|range"
    r"|replication_\w+|rewrite|roles|rules|seclabels?|sequences?|settings|shadow|shdepend|shdescription"
    r"|shmem_allocations|shseclabel|stat_\w+|statio_\w+|statistic|statistic_ext|statistic_ext_data|stats|stats_ext"
    r"|stats_ext_exprs|subscription|subscription_rel|tables|tablespace|timezone_abbrevs|timezone_names|transform|trigger"
    r"|ts_config|ts_config_map|ts_dict|ts_parser|ts_template|type|user|user_info|user_mappings?|views|wait_events"
    r"|table_def|external_schema)"
)
_SQLITE = r"sqlite_(?:master|schema|temp_master|temp_schema|sequence|stat\d)"
# Pragmas that have a table of their own, of SQLite 3.40 to 3.50 (sqlite.org/pragma.html)
_SQLITE_PRAGMAS = (
    r"pragma_(?:analysis_limit|application_id|auto_vacuum|automatic_index|busy_timeout|cache_size|cache_spill"
    r"|cell_size_check|checkpoint_fullfsync|collation_list|compile_options|count_changes|data_version|database_list"
    r"|default_cache_size|defer_foreign_keys|empty_result_callbacks|encoding|foreign_key_check|foreign_key_list"
    r"|foreign_keys|freelist_count|full_column_names|fullfsync|function_list|hard_heap_limit|ignore_check_constraints"
    r"|index_info|index_list|index_xinfo|integrity_check|journal_mode|journal_size_limit|legacy_alter_table|locking_mode"
    r"|max_page_count|module_list|optimize|page_count|page_size|pragma_list|query_only|quick_check|read_uncommitted"
    r"|recursive_triggers|reverse_unordered_selects|schema_version|secure_delete|short_column_names|soft_heap_limit"
    r"|synchronous|table_info|table_list|table_xinfo|temp_store|threads|trusted_schema|user_version|writable_schema)"
)
# duckdb.org/docs/stable/sql/meta/duckdb_table_functions
_DUCKDB = (
    r"pragma_(?:collations|database_list|database_size|metadata_info|platform|show|storage_info|table_info|user_agent"
    r"|version)|duckdb_(?:columns|connection_count|constraints|databases|dependencies|extensions|external_file_cache"
    r"|functions|indexes|keywords|log_contexts|logs|memory|optimizers|prepared_statements|schemas|secrets|secret_types"
    r"|sequences|settings|tables|temporary_files|types|variables|views)"
)
# learn.microsoft.com: System compatibility views
_SYSOBJECTS = (
    r"sys(?:objects|columns|comments|databases|depends|files|indexes|indexkeys|logins|processes|types|users"
    r"|permissions|protects|constraints|references|members|languages|messages|configures|devices)"
)
# trino.io: metadata tables of the connectors Hive, Iceberg, Delta Lake and Hudi; Athena has the same
_TRINO = (
    r".+\$(?:properties|partitions|history|metadata_log_entries|snapshots|manifests|all_manifests|files|entries"
    r"|all_entries|refs|timeline)"
)
_TRINO_DIALECTS = ("trino", "presto", "athena")
# Names of the catalog without a schema before them.
_NAMES: Mapping[str, re.Pattern[str]] = {
    dialect: re.compile(pattern, re.IGNORECASE)
    for dialect, pattern in {
        "": r"dual",
        **dict.fromkeys(("postgres", "greenplum", "materialize", "risingwave"), _PG),
        # docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
        "redshift": rf"{_PG}|(?:stl|stv|svl|svv|svcs)_\w+|sys_(?:\w+_history|\w+_detail|\w+_errors?|\w+_log|\w+_state"
        r"|\w+_text|\w+_explain|\w+_usage)",
        "sqlite": rf"{_SQLITE}|{_SQLITE_PRAGMAS}",
        "duckdb": rf"{_PG}|{_SQLITE}|{_DUCKDB}",
        # docs.oracle.com: static data dictionary views, dynamic performance views
        "oracle": r"dual|dict|cat|tab|(?:dba|cdb)_\w+|g?v\$\w+|(?:all|user)_(?:arguments|catalog|col_comments|col_privs"
        r"|cons_columns|constraints|data_files|db_links|dependencies|directories|errors|extents|external_tables|free_space"
        r"|ind_\w+|indexes|jobs|lobs|mviews|mview_\w+|object_tables|objects|part_\w+|procedures|role_privs|scheduler_\w+"
        r"|segments|sequences|snapshots|source|synonyms|sys_privs|tab_\w+|tables|tablespaces|triggers|ts_quotas|type_\w+"
        r"|types|users|views)",
        "mysql": r"dual",
        "singlestore": r"dual",
        "doris": r"dual",
        "starrocks": r"dual",
        "snowflake": r"dual",
        "clickhouse": r"dual",
        "exasol": r"dual|exa_(?:all|user|dba)_\w+",
        "vertica": r"dual",
        "db2": r"dual|sysdummy1",
        "bigquery": r"__tables(?:_summary)?__",
        "tsql": _SYSOBJECTS,
        **dict.fromkeys(_TRINO_DIALECTS, _TRINO),
    }.items()
}
# The same names after one of these schemas (none: after any schema). After another schema it is a user's table.
_Rule = tuple[frozenset[str], re.Pattern[str]]


def _behind(pattern: str, *schemas: str) -> _Rule:
    return frozenset(schemas), re.compile(pattern, re.IGNORECASE)


_QUALIFIED: Mapping[str, tuple[_Rule, ...]] = {
    "sqlite": (_behind(_SQLITE), _behind(_SQLITE_PRAGMAS, "main", "temp")),  # names with sqlite_ are reserved
    "duckdb": (_behind(rf"{_SQLITE}|{_DUCKDB}", "main"),),  # pg_catalog is a schema of its own
    "oracle": (_behind(_NAMES["oracle"].pattern, "public"),),  # public synonyms
    "tsql": (_behind(_SYSOBJECTS, "dbo"),),
    "bigquery": (_behind(_NAMES["bigquery"].pattern),),  # each dataset has them
    **dict.fromkeys(_TRINO_DIALECTS, (_behind(_TRINO),)),  # beside each table
}
# The one database in which the names below have their catalog: `shop.main` has none.
_ONLY_DATABASE: Mapping[str, str] = {"duckdb": "system"}


def is_catalog_name(parts: Sequence[str], dialect: str, *, is_made: bool) -> bool:
    """True if a name, as written and without a default schema, is that of a table of the catalog.

    `is_made`: the session has made a table of the name.

    https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-CATALOG
    """
    return (not is_made or dialect_of(dialect).catalog_first) and _is_named(tuple(p.lower() for p in parts), dialect)


def is_catalog(table: TableRef, dialect: str) -> bool:
    """True if a table describes the store itself, which is no lineage: information_schema, pg_catalog, dual."""
    if table.kind in ("stage", "file") or not table.parts or table.namespace:
        return False
    parts = tuple(part.lower() for part in table.parts)
    path = parts[:-1]
    if path and path[-1] in _SCHEMAS.get(dialect, _STANDARD):
        return True
    if len(path) == 2 and path[0] in _DATABASES.get(dialect, ()):
        return True
    if len(path) == 1 and path[0] in _SCHEMAS_ALONE.get(dialect, ()):
        return True
    return not table.temporary and _is_named(parts, dialect)


def _is_named(parts: Sequence[str], dialect: str) -> bool:
    """True if this is a name of the catalog, in the schema before it or without one."""
    *path, name = parts
    if not path:
        names = _NAMES.get(dialect)
        return names is not None and names.fullmatch(name) is not None
    if len(path) > 1 and path[0] != _ONLY_DATABASE.get(dialect, path[0]):
        return False
    return any(
        (not schemas or path[-1] in schemas) and names.fullmatch(name) is not None
        for schemas, names in _QUALIFIED.get(dialect, ())
    )
