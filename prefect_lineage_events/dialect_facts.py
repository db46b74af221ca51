"""The kinds of facts about a SQL dialect: a field of `Dialect` for each, with its sources. `dialects` has the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fold = Literal["upper", "lower", "keep"]
ColumnNaming = Literal["text", "postgres", "bigquery", "hive", "trino", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The facts about one dialect. The defaults hold for a dialect without a row."""

    # -- names ------------------------------------------------------------------------------------------------------
    # The case in which the store keeps an unquoted and a quoted name; "lower" for quoted names: it compares without
    # case. docs.snowflake.com: Identifier requirements; docs.oracle.com: Database Object Names and Qualifiers;
    # docs.exasol.com: Basic language elements; ibm.com/docs/en/db2: Identifiers, ordinary identifiers;
    # docs.vertica.com: Identifiers ("not case-sensitive", quoted neither);
    # postgresql.org/docs/current/sql-syntax-lexical.html; docs.aws.amazon.com/redshift/latest/dg/r_names.html (by
    # default); sqlite.org/lang_keywords.html; duckdb.org/docs/stable/sql/dialect/keywords_and_identifiers;
    # learn.microsoft.com (the default collation; Fabric warehouses have a case-sensitive one);
    # trino.io/docs/current/language/reserved.html; Hive: the metastore keeps lower case;
    # docs.databricks.com/en/sql/language-manual/sql-ref-names.html; docs.teradata.com: Object names. BigQuery, MySQL
    # (on Linux), ClickHouse, Doris and StarRocks are case-sensitive.
    plain: Fold = "keep"
    quoted: Fold = "keep"
    # Compared without case, but shown as the statement that made the table spelled it: the spelling of SQL Server's own
    # catalog, of its documentation and of other producers of OpenLineage.
    keeps_spelling: bool = False
    # The parts of a full table name: 3 for database.schema.table, 2 where a database and a schema are one thing.
    levels: int = 3
    # A library that opens files where the flow runs: a database is a file, and no part of a dataset's name.
    embedded: bool = False
    # In a store of two levels with catalogs of databases: its own catalog, which full names leave out.
    # docs.starrocks.io, doris.apache.org: Catalog overview
    internal_catalog: str = ""
    # The schema (a database, where names have two parts) in which a connection begins unless it asks for another, and
    # which stands for the missing part of `database..table`. docs.snowflake.com: CREATE DATABASE; postgresql.org:
    # Schemas; docs.databricks.com: USE CATALOG; clickhouse.com, cwiki.apache.org (Hive): USE
    default_schema: str = ""
    # The schema is called like the user. docs.oracle.com: CREATE USER; ibm.com/docs/en/db2: CURRENT SCHEMA
    user_schema: bool = False
    # `database..table` is in the default schema of the database, whatever the current one is. docs.snowflake.com:
    # Double-dot notation
    double_dot_skips_schema: bool = False
    # The schema that stands behind every search path (tried on DuckDB 1.4 and 2.0).
    always_searched: str = ""
    # Temporary tables are in a catalog of their own, which is searched first. duckdb.org: CREATE TABLE
    temporary_catalog: bool = False
    # A bare name is looked for in the store's catalog first; elsewhere a user's table goes before it.
    catalog_first: bool = False
    # USE with a single name sets the schema. trino.io/docs/current/sql/use; docs.exasol.com: OPEN SCHEMA
    use_names_schema: bool = False
    # USE with a single name sets the database or the schema, whichever has that name. duckdb.org: USE
    use_names_either: bool = False
    # `USE DATABASE d` sets the schema: the two are one thing. docs.databricks.com: USE DATABASE
    database_is_schema: bool = False
    # A new database brings its default schema with it. docs.snowflake.com/en/sql-reference/sql/use-database;
    # docs.databricks.com: USE CATALOG
    use_resets_schema: bool = False
    # A statement can read the result of the one before it. docs.snowflake.com/en/sql-reference/functions/result_scan
    has_last_query: bool = False
    # -- scripts and clients ------------------------------------------------------------------------------------------
    # T-SQL: lines of GO cut a script, procedure bodies run to the end of the batch, names have four parts, `#t` is
    # temporary. learn.microsoft.com/sql/t-sql/language-elements/sql-server-utilities-statements-go
    is_tsql: bool = False
    # PL/SQL: declarations stand before BEGIN, each with its own `;`, and lines of `/` cut a script.
    is_plsql: bool = False
    # The client reads `\commands` and the rows after COPY ... FROM STDIN. postgresql.org/docs/current/app-psql.html
    is_psql: bool = False
    # A block may stand by itself, so that a piece of a text may be a part of one.
    has_blocks: bool = False
    # The server runs comments such as `/*!50001 ... */`. dev.mysql.com/doc/refman/8.4/en/comments.html
    executable_comments: bool = False
    # SEL, INS, UPD and DEL stand for the verbs. docs.teradata.com: SELECT, INSERT, UPDATE, DELETE
    short_verbs: bool = False
    # `a ->> b` chains statements. docs.snowflake.com/en/sql-reference/operators-flow
    flow_operator: bool = False
    # `a PARALLEL WITH b` joins statements. clickhouse.com/docs/sql-reference/statements/parallel_with
    parallel_statements: bool = False
    # A name may begin with `$`. dev.mysql.com: Schema Object Names; learn.microsoft.com: `$action`, `$partition`
    dollar_names: bool = False
    # `@name/path` is a stage. docs.snowflake.com/en/user-guide/querying-stage
    stages: bool = False
    # Variables are marked by a sign, so that a bare name is none.
    marked_variables: bool = False
    # -- statements ---------------------------------------------------------------------------------------------------
    # `SELECT ... INTO x` creates a table; elsewhere (Oracle, MySQL, Snowflake scripting, BigQuery) INTO takes
    # variables. postgresql.org/docs/current/sql-selectinto.html; docs.aws.amazon.com/redshift: SELECT INTO;
    # learn.microsoft.com: INTO clause
    select_into_creates: bool = False
    # INSERT without INTO. learn.microsoft.com, dev.mysql.com, cloud.google.com/bigquery, docs.teradata.com,
    # clickhouse.com: INSERT; the generic dialect stands for any store.
    into_optional: bool = False
    # DELETE without FROM. learn.microsoft.com, docs.oracle.com, cloud.google.com/bigquery, docs.teradata.com: DELETE
    from_optional: bool = False
    # COPY of a file into a table goes by the positions of its columns. duckdb.org: COPY ... FROM
    copies_by_position: bool = False
    # The account keeps a history of what each statement accessed, by its query id. docs.snowflake.com: ACCESS_HISTORY
    access_history: bool = False
    # CALL runs a table function: there are no procedures. duckdb.org: CALL
    calls_functions: bool = False
    # EXPLAIN of a table describes it. dev.mysql.com: EXPLAIN; clickhouse.com: EXPLAIN
    explains_tables: bool = False
    # EXECUTE runs what PREPARE made; elsewhere it calls a procedure or takes a text. postgresql.org, duckdb.org,
    # dev.mysql.com, trino.io: PREPARE
    prepares: bool = False
    # DO evaluates expressions; elsewhere it runs a block. dev.mysql.com: DO
    do_evaluates: bool = False
    # ATTACH opens files of the store's own kind, or any database and single tables. sqlite.org, duckdb.org: ATTACH
    attaches: Literal["", "own", "any"] = ""
    # A new database or schema becomes the current one. docs.snowflake.com: CREATE DATABASE, CREATE SCHEMA
    creation_uses: bool = False
    # `INSERT INTO FUNCTION f(...)`. clickhouse.com: INSERT, Inserting using a table function
    inserts_into_functions: bool = False
    # `ALTER TABLE t DELETE WHERE ...`, `... UPDATE a = 1 WHERE ...`. clickhouse.com: ALTER, mutations
    alter_changes_rows: bool = False
    # CREATE names a storage engine, CREATE DICTIONARY a source, and CREATE VIEW a target behind TO.
    # clickhouse.com: Table engines, CREATE DICTIONARY, CREATE VIEW
    storage_engines: bool = False
    # A procedure may be called by its name alone. learn.microsoft.com: EXECUTE; docs.oracle.com: PL/SQL blocks
    calls_by_name: bool = False
    # DROP SCHEMA drops the tables in it, except with RESTRICT. docs.snowflake.com, dev.mysql.com, clickhouse.com
    drop_schema_cascades: bool = False
    # DROP DATABASE drops a schema, which must be empty without CASCADE. spark.apache.org: DROP DATABASE
    drop_database_restricts: bool = False
    # A new name without a schema is one of the current schema; elsewhere the table stays where it is (postgresql.org,
    # duckdb.org, trino.io, spark.apache.org, docs.oracle.com, ibm.com/docs/en/db2: ALTER or RENAME TABLE).
    # dev.mysql.com: RENAME TABLE; docs.snowflake.com: ALTER TABLE; clickhouse.com: RENAME; cwiki.apache.org: Hive
    renames_into_current_schema: bool = False
    # CREATE TABLE with columns and a query: the columns of the query are added, or go to those of their names.
    # Elsewhere the list names them by position. dev.mysql.com: CREATE TABLE ... SELECT
    creates_by_name: bool = False
    # `CREATE TABLE t AS s` takes a table after AS. clickhouse.com, docs.teradata.com: CREATE TABLE
    creates_as_table: bool = False
    # `SET autocommit = 0`. dev.mysql.com/doc/refman/8.4/en/innodb-autocommit-commit-rollback.html
    sets_autocommit: bool = False
    # First words of the dialect's own statements about the store or the flow of a block, beside those of most dialects
    # (`sql/words.py`). docs.oracle.com: NOAUDIT, ASSOCIATE STATISTICS, ADMINISTER KEY MANAGEMENT, PIPE ROW; SQL*Plus:
    # WHENEVER; learn.microsoft.com: DBCC, REVERT, SETUSER, LINENO; docs.teradata.com: MODIFY USER, GIVE, DIAGNOSTIC,
    # BEGIN LOGGING; ibm.com/docs/en/db2: commands; docs.snowflake.com: AWAIT, CANCEL; docs.databricks.com: CONVERT TO
    # DELTA; docs.exasol.com: IMPERSONATE, REORGANIZE; docs.vertica.com: PROFILE
    verbs_without_data: frozenset[str] = frozenset()
    # -- sources of a query -------------------------------------------------------------------------------------------
    # `IDENTIFIER('t')` names a table. docs.snowflake.com, docs.databricks.com, spark.apache.org: IDENTIFIER clause
    identifier_clause: bool = False
    # `format.`path`` names a file. docs.databricks.com: "Query files by path"; spark.apache.org: "Run SQL on files"
    path_tables: bool = False
    # `FROM 'x.csv'` and `FROM "x.csv"` name a file. duckdb.org/docs/stable/data/overview
    file_tables: bool = False
    # A text among the tables is a file or a stage. duckdb.org, docs.snowflake.com, drill.apache.org
    text_tables: bool = False
    # A text among the tables is a name. sqlite.org/lang_keywords.html
    texts_may_name_tables: bool = False
    # `FROM query('SELECT ...')` runs the text. duckdb.org: query and query_table functions
    query_function: bool = False
    # `recurring.t` is a recursive CTE as of all its rounds. duckdb.org: WITH RECURSIVE ... USING KEY
    recurring_tables: bool = False
    # `UNPIVOT a.b` walks the keys of an object; elsewhere a table follows. docs.aws.amazon.com/redshift: Object
    # unpivoting
    unpivots_objects: bool = False
    # `FROM current_date` is a value. postgresql.org: Functions without parentheses, reserved as names of tables
    value_tables: bool = False
    # `FROM t AS a, a.items` is an array of `a`, in a tree.
    # cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#correlated_join
    correlated_arrays: bool = False
    # The same in a text that cannot be parsed. docs.aws.amazon.com/redshift: Querying semi-structured data;
    # clickhouse.com/docs: ARRAY JOIN
    recovered_arrays: bool = False
    # Literals in calls name files and tables: `s3(bucket, url = '...')`. clickhouse.com/docs: Table functions
    calls_name_locations: bool = False
    # Table functions that read (or, in ClickHouse, write) what their first text argument names.
    # duckdb.org/docs/stable/data/overview; clickhouse.com/docs/sql-reference/table-functions; docs.databricks.com:
    # read_files table-valued function; learn.microsoft.com: OPENROWSET (BULK 'path', ...)
    file_readers: frozenset[str] = frozenset()
    # Table functions whose first argument names a table. clickhouse.com: dictionary; learn.microsoft.com: CHANGETABLE,
    # CONTAINSTABLE and its like
    naming_functions: frozenset[str] = frozenset()
    # Functions that begin like this name a dictionary. clickhouse.com/docs/sql-reference/functions/ext-dict-functions
    dictionary_prefix: str = ""
    # Table functions that read what only the program holds. duckdb.org/docs/stable/guides/python/sql_on_pandas
    in_memory_scans: frozenset[str] = frozenset()
    # Statements that may stand in parentheses among the tables. duckdb.org: SHOW; clickhouse.com: EXPLAIN;
    # docs.exasol.com: SELECT, EXPLAIN VIRTUAL
    parenthesised_statements: frozenset[str] = frozenset()
    # -- literals -----------------------------------------------------------------------------------------------------
    # A text may stand in double quotes. SQLite, which has them too, leaves the quotes in the name.
    double_quoted_texts: bool = False
    # A column's alias may be a text.
    text_aliases: bool = False
    # A name in double quotes is a text where there is no column of that name. sqlite.org/quirks.html
    names_may_be_texts: bool = False
    # -- columns ------------------------------------------------------------------------------------------------------
    # An expression may use an alias given before it in the same SELECT. docs.snowflake.com: SELECT;
    # docs.aws.amazon.com/redshift: SELECT list, alias reference; docs.databricks.com: SELECT, lateral column alias;
    # duckdb.org: SELECT clause; docs.teradata.com: named expressions; clickhouse.com/docs: SELECT, aliases
    lateral_aliases: bool = False
    # `a.b` may be field `b` of column `a`.
    struct_fields: bool = False
    # A CTE may refer to itself without RECURSIVE: the dialect has no such word, or does not ask for it.
    implicit_recursion: bool = False
    # The name of an expression without an alias. postgresql.org/docs/current/queries-select-lists.html, FigureColname
    # in parse_target.c; cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax: f0_, f1_; cwiki.apache.org
    # (Hive): _c0, _c1; trino.io: _col0, _col1; learn.microsoft.com: "(No column name)" (`none`)
    column_naming: ColumnNaming = "text"
    # A table's name is its whole row, where a value is expected. postgresql.org/docs: composite types;
    # cloud.google.com/bigquery: SELECT, value tables; duckdb.org: struct
    rows_by_name: bool = False
    # `$1` is a source's first column. docs.snowflake.com: Querying staged files
    positions: bool = False
    # FLATTEN, which sqlglot reads as EXPLODE. docs.snowflake.com/en/sql-reference/functions/flatten
    flattens: bool = False
    # An expression with COLUMNS(...) in it is one for each of those columns. duckdb.org: Star expression
    expands_columns: bool = False
    # The rows of an unnested array of structs have their fields as columns. cloud.google.com/bigquery: UNNEST
    unnests_fields: bool = False
    # The right side of IN may be a table's name. clickhouse.com/docs: IN operators
    sets_of_tables: bool = False
    # The arguments of a function in which `->` is the operator of JSON and no lambda's: all where there are no lambdas,
    # the first where a lambda follows its list. postgresql.org: JSON Functions; sqlite.org/json1; dev.mysql.com:
    # Functions That Search JSON Values; duckdb.org: JSON extraction functions, Lambda functions
    json_arrows: Literal["none", "first", "all"] = "none"
    # Words that look like columns and are values, beside those of SQL:2016, 5.2 and 6.4. docs.oracle.com: Oracle SQL
    # Reserved Words, Pseudocolumns; postgresql.org/docs/current/sql-keywords-appendix.html; dev.mysql.com: Keywords and
    # Reserved Words; learn.microsoft.com: Reserved Keywords, OUTPUT clause; docs.teradata.com: Built-In Functions;
    # cwiki.apache.org: Hive, Enhanced Aggregation
    constants: frozenset[str] = frozenset()

    @property
    def batch_lines(self) -> bool:
        """True if lines of GO or `/` cut a script."""
        return self.is_tsql or self.is_plsql

    @property
    def depth(self) -> int:
        """The number of parts of a dataset's full name: an embedded store's database is its file."""
        return self.levels - self.embedded
