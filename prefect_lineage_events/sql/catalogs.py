"""Catalogs: the tables in which a store describes itself. Reading them is no lineage.

Each store has its own; the same name elsewhere is a table of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .model import TableRef

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
# Schemas of SNOWFLAKE, where no database stands before them.
_SNOWFLAKE_USAGE = frozenset({"account_usage", "organization_usage", "reader_account_usage", "data_sharing_usage"})

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
_NAMES: Mapping[str, re.Pattern[str]] = {
    dialect: re.compile(pattern, re.IGNORECASE)
    for dialect, pattern in {
        "": r"dual",
        **dict.fromkeys(("postgres", "greenplum", "materialize", "risingwave"), _PG),
        # docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html
        "redshift": rf"{_PG}|(?:stl|stv|svl|svv|svcs)_\w+|sys_(?:\w+_history|\w+_detail|\w+_errors?|\w+_log|\w+_state"
        r"|\w+_text|\w+_explain|\w+_usage)",
        "sqlite": rf"{_SQLITE}|pragma_\w+",
        # duckdb.org/docs/stable/sql/meta/duckdb_table_functions
        "duckdb": rf"{_PG}|{_SQLITE}|pragma_(?:collations|database_list|database_size|metadata_info|platform|show"
        r"|storage_info|table_info|user_agent|version)|duckdb_(?:columns|connection_count|constraints|databases"
        r"|dependencies|extensions|external_file_cache|functions|indexes|keywords|log_contexts|logs|memory|optimizers"
        r"|prepared_statements|schemas|secrets|secret_types|sequences|settings|tables|temporary_files|types|variables"
        r"|views)",
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
        # learn.microsoft.com: System compatibility views
        "tsql": r"sys(?:objects|columns|comments|databases|depends|files|indexes|indexkeys|logins|processes|types|users"
        r"|permissions|protects|constraints|references|members|languages|messages|configures|devices)",
    }.items()
}


# Stores that look for a bare name in their catalog first: with a schema before it, a name of the catalog is a user's.
_CATALOG_FIRST = frozenset({"postgres", "greenplum", "materialize", "risingwave", "redshift"})


def is_bare_catalog(name: str, dialect: str) -> bool:
    """Is it a table of the catalog because no schema stands before it?

    https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-CATALOG
    """
    return dialect in _CATALOG_FIRST and _NAMES[dialect].fullmatch(name) is not None


def is_catalog(table: TableRef, dialect: str) -> bool:
    """Does a table describe the store itself (information_schema, pg_catalog, sqlite_master, dual)? No lineage,
    then."""
    if table.kind in ("stage", "file") or not table.parts:
        return False
    *path, name = (part.lower() for part in table.parts)
    if not _SCHEMAS.get(dialect, _STANDARD).isdisjoint(path):
        return True
    if len(path) == 2 and path[0] in _DATABASES.get(dialect, ()):
        return True
    if dialect == "snowflake" and len(path) == 1 and path[0] in _SNOWFLAKE_USAGE:
        return True
    if path and dialect in _CATALOG_FIRST:
        return False
    names = _NAMES.get(dialect)
    return names is not None and names.fullmatch(name) is not None
