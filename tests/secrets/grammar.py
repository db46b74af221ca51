"""Generated statements with a secret: every form in which a secret is written, in every position where it may be.

`{s}` is the secret; in a position, `{v}` is replaced by a form. A form or a position belongs to some dialects, or to
all: a text is also analysed under other dialects than its own.
"""

from __future__ import annotations

from collections.abc import Iterator

# The generic dialect stands for every store whose dialect is not known.
DIALECTS = (
    "", "snowflake", "postgres", "redshift", "bigquery", "databricks", "spark", "hive", "mysql", "sqlite", "duckdb", "tsql",
    "oracle", "trino", "athena", "clickhouse", "teradata", "materialize", "doris",
)  # fmt: skip

TEXTS = (
    "'{s}'", "'a/{s}'", "'/a/b/{s}.csv'", "'https://h/reset/{s}'", "'s3://b/{s}'", "'@s/{s}'", "'jdbc:x://h?p={s}'",
    "'a.{s}'", "N'{s}/x'",
)  # fmt: skip
# Forms that are texts in some dialects only; elsewhere their parts are names.
OWN_TEXTS = {
    '"{s}"': ("", "mysql", "bigquery", "databricks", "spark", "hive", "doris"),
    '"a/{s}"': ("", "mysql", "bigquery", "databricks", "spark", "hive", "doris"),
    "E'a\\'/{s}'": ("", "postgres", "redshift", "materialize"),
    "$${s}/x$$": ("", "postgres", "snowflake", "duckdb", "databricks", "materialize"),
    "$t${s}/x$t$": ("", "postgres", "materialize", "duckdb"),
    "r'{s}/x'": ("", "bigquery", "spark", "databricks"),
    "b'{s}/x'": ("", "bigquery"),
    "q'[it's {s}/x]'": ("", "oracle"),
    "U&'{s}/x'": ("", "postgres", "trino"),
    "'it\\'s {s}'": ("", "mysql", "bigquery", "snowflake", "databricks", "spark", "clickhouse"),
}  # fmt: skip

_PLACE_LIKE = (
    "url", "path", "location", "uri", "directory", "database", "get", "list", "jar", "bulk", "to", "file", "inpath",
    "infile", "outfile", "attach", "put", "remove", "parquet", "secret", "name",
)  # fmt: skip
_FUNCTIONS = (
    "url", "file", "s3", "glob", "read_text", "read_x", "files", "x_scan", "hdfs", "gcs", "identifier_of", "table_of",
    "password", "deltalake", "cloud_files_x", "f",
)  # fmt: skip
_VALUES = (
    *(f"select * from t where {name} = {{v}}" for name in _PLACE_LIKE if name not in ("to", "get")),
    *(f"select * from t as a where a.{name} like {{v}}" for name in _PLACE_LIKE),
    *(f"select * from t where {name} in ({{v}}, 1)" for name in ("url", "path", "uris")),
    *(f"update t set {name} = {{v}} where id = 1" for name in _PLACE_LIKE if name != "to"),
    *(f"delete from t where {name} <> {{v}}" for name in ("url", "location")),
    *(f"call p({name} => {{v}})" for name in _PLACE_LIKE),
    *(f"select {name}({{v}}) from t" for name in _FUNCTIONS),
    *(f"insert into t (a) select {name}({{v}}, 1) from u" for name in _FUNCTIONS),
    *(f"merge into t using u on t.{name} = {{v}} when matched then delete" for name in ("url", "path")),
    *(f"insert into t ({name}, b) values ({{v}}, 1)" for name in ("url", "path")),
    *(f"alter table t set options ({name} = {{v}})" for name in ("url", "description")),
    *(f"create table t (a int) with ({name} = {{v}})" for name in ("url", "description")),
    *(f"create table t (a int) comment {{v}} {name} = {{v}}" for name in ("url", "location")),
    *(f"copy into t from @st {name} = {{v}}" for name in ("url", "pattern", "path")),
    *(f"set {name} = {{v}}" for name in ("url", "path", "search_path")),
    *(f"create function f() returns int as {{v}} {name} {{v}}" for name in ("language", "path")),
    "grant r to {v}", "revoke r from {v}", "select 1 as a, {v} from t", "select case when a = {v} then {v} end as b from t",
    "select a || {v} as b from t order by {v}", "select * from t limit {v}", "comment on table t is {v}",
    "execute p({v})", "exec p @path = {v}", "declare url varchar = {v}", "show tables like {v}", "use {v}", "list {v}", "ls {v}",
    "analyze {v}", "notify c, {v}", "kill {v}", "attach {v}", "detach {v}", "select extract(day from {v}) from t",
    "select trim(both {v} from {v}) from t", "select a is distinct from {v} from t", "copy t from program {v}",
    "create user u password {v}", "create database d location {v}", "alter user u to {v}", "explain select {v} from t",
    "begin; insert into t values ({v}); commit", "create task x as insert into t select {v}", "selec {v} form to {v}",
    "with a as (select {v} as b) select b from a", "create view v as select url from t where url = {v}",
    "lock tables {v}", "prepare p from {v}", "raise exception {v}", "print {v}", "return {v}", "install x from {v}",
    "select * from t qualify url = {v}", "select * from t having path = {v}", "select * from t join u on t.url = {v}",
    "select * from t tablesample ({v})", "values ({v}, 1)", "select {v} from t union select {v} from u",
)  # fmt: skip

# A connection string or an address with credentials, in the position of a location.
ADDRESSES = (
    "AccountName=a;AccountKey={s}", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={s};EndpointSuffix=x",
    "host=h password={s}", "host=/tmp/x dbname=d password={s}", "postgres:dbname=d password={s}", "mysql:host=h;password={s}",
    "jdbc:oracle:thin:u/{s}@h:1521/s", "jdbc:postgresql://u:{s}@h/d", "jdbc:sqlserver://h;password={s}", "sqlserver://h;password={s}",
    "//u:{s}@h/share", "\\\\u:{s}@h\\share", "u/{s}@h:1521/s", "/x.db?key={s}", "x.csv?{s}", "s3://k:{s}@b/x.csv", "s3://k:a/{s}@b/x.csv",
    "s3a://k:{s}@b/x", "https://u:{s}@h/x.csv", "https://{s}@h/x.csv", "https://h/x.csv?sig={s}", "https://h/x.csv?{s}",
    "https://a.blob.core.windows.net/c/x?sv=1&sig={s}", "https://b.s3.amazonaws.com/x?X-Amz-Signature={s}&X-Amz-Credential={s}",
    "https://h/x.csv#{s}", "https://h/x;token={s}", "abfss://c:{s}@a.dfs.core.windows.net/x", "md:d?motherduck_token={s}",
    "ducklake:postgres:dbname=d password={s}", "postgres://u:{s}@h/d", "postgresql+psycopg://u:{s}@h:5432/d?password={s}",
    "ftp://u:{s}@h/x.csv", "Server=h;Database=d;User Id=u;Password={s}", "Driver={{x}};UID=u;PWD={s}", "password={s}", "hdfs://u:{s}@h:8020/x",
)  # fmt: skip
_LOCATIONS = (
    "copy into t from '{v}'", "copy t from '{v}'", "copy t to '{v}'", "copy into '{v}' from t", "unload ('select a from t') to '{v}'",
    "select * from '{v}'", "load data inpath '{v}' into table t", "load data local infile '{v}' into table t",
    "insert overwrite directory '{v}' select a from t", "create stage s url = '{v}'", "create external table x (a int) location '{v}'",
    "export data options (uri = '{v}') as select a from t", "create external table x options (uris = ['{v}'])",
    "bulk insert t from '{v}'", "put '{v}' @s", "get @s '{v}'", "attach '{v}' as o", "attach '{v}' as o (type postgres)",
    "attach database '{v}' as o", "backup database d to '{v}'", "restore table t from '{v}'", "create table x using csv location '{v}'",
    "create table x using parquet options (path '{v}')", "import table t from '{v}'", "export table t to '{v}'",
    "select * from openrowset(bulk '{v}', single_clob) as x", "select * from opendatasource('p', '{v}').d.s.t",
    "select * from openrowset('p', '{v}', 'select 1')", "create database link l using '{v}'", "vacuum into '{v}'",
    *(
        f"select * from {name}('{{v}}', 't')"
        for name in (
            "read_csv", "read_parquet", "sqlite_scan", "postgres_scan", "mysql_query", "delta_scan", "iceberg_scan", "s3", "url",
            "file", "azureBlobStorage", "jdbc", "odbc", "postgresql", "mongodb", "remote", "hdfs", "read_files", "dblink",
        )
    ),
    "select * from read_csv(['{v}', 'b.csv'])", "insert into function azureBlobStorage('{v}', 'c', 'b') select a from t",
    "insert into function s3('{v}', 'CSV') select a from t", "create table x engine = S3('{v}')", "create table x engine = MySQL('{v}')",
    "select * from parquet.`{v}`", "create server s options (host '{v}')", "create subscription s connection '{v}' publication p",
    "execute immediate 'copy t from ''{v}'''", "create connection c options (url '{v}')", "select * from table('{v}')",
    "select * from identifier('{v}')", "create dictionary d (a Int32) source(http(url '{v}'))",
)  # fmt: skip

# Unquoted, or in the syntax of a client.
_BARE = (
    "add jar s3a://k:{s}@b/x.jar", "add file s3a://k:{s}@b/x", "add archive hdfs://u:{s}@h/x", "list jars s3a://k:{s}@b/x", "dfs -ls s3a://k:{s}@b/",
    "delete jar s3a://k:{s}@b/x.jar", "!sh curl -u u:{s} https://h", "reload {s}", "compile `x` as groovy named {s}",
    "alter pluggable database p unplug into 'x' encrypt using {s}", "alter pluggable database p close instances = {s}",
    "create pluggable database p using 'x' decrypt using {s}", "administer key management set keystore open identified by {s}",
    "alter system set encryption key identified by {s}", "alter database open resetlogs {s}", "set role r identified by {s}",
    "create table x (a int encrypt identified by {s})", "create table x (a int encrypt using 'AES' identified by {s} no salt, b int)",
    "create table x (a int encrypted with (column_encryption_key = {s}))",
    "create table x (a struct<b: int comment '{s}'>)", "create table x (a enum('{s}', 'b'))", "create table x (a int masked with (function = {s}))",
    "alter table x modify (a encrypt identified by {s})", "alter table x add (a int encrypt identified by {s})",
    "create table x (a int default '{s}', b int check (b <> '{s}'))", "create table x as select cast(a as enum('{s}')) as b from t",
    "select * from mysql(nc, password={s})", "select * from s3(nc, secret_access_key = {s})", "insert into function mysql(nc, password={s}) select a from t",
    "create table x engine = MySQL(nc, password={s})", "select * from postgresql(creds, x = {s}, y = 1)",
    "create table x (a int) with (connector = kafka, x = {s})", "create named collection nc as password = '{s}'", "alter named collection nc set x = {s}",
    "create sink k from t with (x = {s})", "copy t from s3 x = {s}", "unload t x = {s}", "create user u identified by {s}", "grant connect to u identified by {s}",
    "connect u/{s}@h", "conn u/{s}@h", "CONN u/{s}@h as sysdba", "disconnect {s}", ".logon h/u,{s}", ".LOGON h/u,{s};", ".set x {s}", "define pw = {s}",
    "DEFINE pw='{s}'", "undefine {s}", "accept pw char prompt {s}", "export PW={s}", "PW={s}", "pw: {s}", "\\connect postgresql://u:{s}@h/d", "\\password {s}",
    "\\c d u {s}", "host curl -u u:{s}", "! curl -u {s}", "@script {s}", "@@script {s}", "start script {s}", "source /x/{s}", "spool {s}", "prompt {s}",
    "remark {s}", "rem {s}", "passw {s}", "exit {s}", "quit {s}", "login u {s}", "auth {s}", "ATTACH {s}", "curl -H 'Authorization: Bearer {s}' https://h",
    "copy from u/{s}@db to v/{s}@db create t using select a from u", ":setvar pw {s}", "%sql password={s}", "{{\"password\": \"{s}\"}}", "export {s}",
    "snowsql -a x -u u -p {s}", "password {s}", "the password is {s}", "ls s3://k:{s}@b/x", "get s3://k:{s}@b/x /tmp", "rm -r {s}/x", "load {s}/x",
    "save {s}", "restore {s}", "import {s}", "submit {s}", "backup {s}", "x := {s}", "pragma key = {s}", "pragma hexkey({s})",
    "execute p({s})", "execute p ({s}, 1)", "call p({s})", "call p(1, {s})", "call s.p(a => {s})", "exec p {s}", "exec p '{s}', {s}",
    "execute immediate {s}", "execute p using {s}", "execute p using @{s}", "begin p({s}); end", "begin call p({s}); end",
    "create trigger g after insert on t for each row execute function f({s})", "sp_addlogin bob, {s}", "dbo.sp_addlogin 'bob', {s}",
    "listen {s}", 'listen "{s}"', "unlisten {s}", "notify {s}, '{s}'", "kill {s}", "set x {s}", "set x {s}, {s}",
    "load data infile 'x.csv' into table t (@{s}, b) set a = @{s}", "create table t (a int) options (password {s})",
    "create table t (a int) options (x 1, password {s}, y '{s}')", "create table t (a varchar({s}))", "create table t (a int, b numeric(1, {s}))",
    "alter table t add column a varchar({s})", "select cast(a as varchar({s})) from t", "select a::varchar({s}) from t",
    "create table t (a Int8 codec({s})) engine = Memory",
    "set password = {s}", "set x.y.z={s}", "set echo on\nconn u/{s}@h", "reset x={s}",
)  # fmt: skip
# Statements of single stores, each with a position of its own.
_OTHERS = (
    "create table x as select * from read_csv('https://u:{s}@h/x.csv')",
    "select * from t where x = \"a\" and y = '{s}'", "update t set url = N'https://h/{s}' where path = E'/a/{s}'",
    "create external data source s with (location = 'wasbs://c@a.blob.core.windows.net', credential = {s})",
    "create secret (type s3, provider credential_chain, secret {s})",
    "alter user u identified with plugin by '{s}' replace '{s}'",
    "select * from s3('https://b.s3.amazonaws.com/x', 'KEY', '{s}', 'CSV')",
    "select * from remote('h:9000', 'db.t', 'u', '{s}')", "select * from remoteSecure('h:9440', db, t, 'u', '{s}')",
    "select * from postgresql('h:5432', 'd', 't', 'u', '{s}', 'public')",
    "select * from mongodb('h:27017', 'd', 't', 'u', '{s}', 'x Int')",
    "select * from mongodb('mongodb://u:{s}@h/d', 't')",
    "create table t (a int) engine = PostgreSQL('h:5432','d','t','u','{s}')",
    "create table t (a int) engine = S3('https://b/x','k','{s}','CSV')",
    "create table t (a int) engine = URL('https://u:{s}@h/x', CSV)",
    "create database d engine = MySQL('h:3306','d','u','{s}')",
    "create database d engine = PostgreSQL('h','d','u',{s})",
    "insert into t select * from odbc('DSN=x;UID=u;PWD={s}', 'd', 't')",
    "select * from dblink('postgresql://u:{s}@h/d', 'select a from t') as x(a int)",
    "select * from openquery(srv, 'select a from t where b = ''{s}''')",
    "exec('insert into t values (''{s}'')') at srv", "exec sp_addlinkedserver @server='s', @provstr='UID=u;PWD={s}'",
    "grant all on *.* to 'u'@'%' identified by '{s}'", "create definer = 'u'@'{s}' view v as select 1 as a",
    "start slave user='u' password='{s}'", "change master to master_host='h', master_password='{s}'",
    "set global x = '{s}', session y = {s}", "set names '{s}'", "set role '{s}'", "set schema '{s}'",
    "call dbms_output.put_line('{s}')", "begin dbms_cloud.create_credential('c','u','{s}'); end;",
    "declare v varchar2(10) := '{s}'; begin insert into t values (v); end;",
    "insert into t (a) values (pgp_sym_encrypt('x', '{s}'))",
    "copy t from 's3://b/x' iam_role 'arn:{s}' format parquet",
    "copy t from 's3://b/x' with credentials 'aws_access_key_id=k;aws_secret_access_key={s}'",
    "copy into t from 'azure://a.blob.core.windows.net/c/x?sv=1&sig={s}' credentials=(azure_sas_token='{s}')",
    "create stage s url='gcs://b/x?{s}' storage_integration = i", "unload to '/x?{s}' select a from t",
    "create table x (a int) partition by (a) location 's3://k:{s}@b/x'",
    "create table x stored by 'h' tblproperties ('password'='{s}', 'url'='jdbc:x://u:{s}@h')",
    "create table x using delta location 'abfss://c@a.dfs.core.windows.net/x?sig={s}'",
    "cache table x options ('storageLevel' '{s}') select 1 as a",
    "select * from delta.`abfss://c@a.dfs.core.windows.net/x?sig={s}`", "select * from csv.`https://u:{s}@h/x.csv`",
    "create catalog c with ('jdbc-url'='jdbc:x://h', 'password'='{s}')",
    "create connection c to postgres (host 'h', password secret {s})",
    "create source s from postgres connection c (publication '{s}')",
    "create source s from kafka connection (broker 'b', sasl password = {s})", "subscribe to t with (token = '{s}')",
    "create external schema e from postgres database 'd' uri 'u:{s}@h' secret_arn '{s}'",
    "create model m from t settings (s3_bucket '{s}')",
    "create function f() returns int language python as 'key={s}'", "create task x warehouse = w as call p('{s}')",
    "create notification integration i webhook_url='https://h/{s}'", "alter account set network_policy = {s}",
    "show variables like '{s}'", "describe 'https://h/{s}'", "explain analyze select * from t where a = '{s}'",
    "select {{ var('{s}') }} from t", "select a from {{ source('x','{s}') }}", "select '${{{s}}}' from t",
    "select /*+ parallel('{s}') */ a from t",
    "select * from t pivot (sum(a) for b in ('{s}', 'x'))", "create table x as select * from t pivot (sum(a) as y for b in ('{s}'))",
    "insert into x select * from t pivot (sum(a) for b in ('{s}', 'y'))", "pivot t on b in ('{s}') using sum(a)",
    "select a as '{s}' from t", "select a '{s}', b from t", "insert into x select a as '{s}' from t", "create table x as select a['{s}'] from t", "create table x as select a:b['{s}'] from t",
    "create table x as select a->'{s}' from t", "create table x as select json_extract(a, '$.{s}') from t", "with x('{s}') as (select 1) select * from x",
    "create table x as select unnest(['{s}']) from t", "select b'{s}', n'{s}', _utf8'{s}' from t",
 "select a from t option (label = '{s}')",
    "select a from t settings password = '{s}'", "select a from t for json path, root('{s}')",
    "select a from t where match(a) against ('{s}')", "select json_value(a, '$.{s}') from t", "values row('{s}')",
    "table t where a = '{s}'", "from t select a where b = '{s}'", "pivot t on url in ('{s}')",
    "select * from t pivot (sum(a) for url in ('{s}' as x))", "insert into t set url = '{s}', path = '{s}'",
    "replace into t values ('{s}')", "upsert into t values ('{s}')",
    "with x as materialized (select '{s}' as url) insert into t select url from x where url = 'a/{s}'",
    "delete from t using u where t.path = '{s}' returning '{s}'", "truncate t /* {s} */",
    "merge into t using (select '{s}' as url) s on t.url = s.url when not matched then insert (url) values ('a/{s}')",
    "create view v (url) as select '{s}' -- {s}", "comment on column t.url is 'https://h/{s}'",
    "alter table t add column url varchar default 'a/{s}'", "alter table t modify column path comment '{s}'",
    "alter table t set location 's3://k:{s}@b/x'", "alter table t set tblproperties ('url' = '{s}')",
    "alter stage s set url = 's3://k:{s}@b'", "select * from t limit 1 by '{s}'", "select nextval('{s}')",
    "lock table t in mode '{s}'", "create index i on t (a) where url = '{s}'",
    "create policy p on t using (url = '{s}')",
    "create trigger g after insert on t begin insert into l values ('{s}'); end", "raise notice '{s}'",
    "do $x$ begin insert into l values ('{s}'); end $x$", "execute immediate 'insert into l values (''{s}'')'",
    "execute format('insert into l values (%L)', '{s}')", "prepare p as insert into l values ('{s}')",
    "beeline -u jdbc:hive2://h -p {s}", "mysql -u u -p{s}", "psql postgresql://u:{s}@h",
    "aws s3 cp s3://b/x --token {s}", "export AWS_SECRET={s}; select a from t", "spark.hadoop.fs.s3a.secret.key={s}",
    "--password {s}", "# password {s}", "// {s}", "' {s}", '" {s}', "` {s}", "[{s}", '{{"a": "{s}"}}', "<x>{s}</x>",
    "a,b,{s}", "1\t{s}",
)  # fmt: skip
_COMMENTS = (
    "select a from t -- {s}", "select a from t --{s}\nwhere a = 1", "/* {s} */ select a from t", "select /* it's {s} */ a from t", "select /*+ {s} */ a from t",
)  # fmt: skip
# Comments and rows of other dialects.
_FOREIGN = {
    "select a from t # {s}": ("", "mysql", "bigquery"),
    "select a from t #{s}\nwhere b = 1": ("", "mysql", "bigquery"),
    "# {s}\nselect a from t": ("", "mysql", "bigquery"),
    "# it's {s}\nselect a from t where b = 'x'": ("", "mysql", "bigquery"),
    "select a, # it's {s}\n b from t # it's {s}": ("", "mysql", "bigquery"),
    "select a from t // {s}": ("", "snowflake"),
    "// it's {s}\nselect a from t": ("", "snowflake"),
    "select a from t //{s}\nwhere b = 1": ("", "snowflake"),
    "copy t from stdin;\n1\t{s}\n\\.\n": DIALECTS,
    "copy t (a, b) from stdin with (format csv);\n1,{s}\n2,'x": DIALECTS,
    "copy t from stdin;\n{s}\tselect\n": DIALECTS,
    "insert into t format CSV\n1,{s}": DIALECTS,
    "insert into t (a, b) format TabSeparated 1\t{s}\n": DIALECTS,
    'insert into t format JSONEachRow {{"a": "{s}"}}': DIALECTS,
    "insert into t select a from input('a String') where a <> '' format CSV\n{s},1": DIALECTS,
    "insert into t settings x = 'y' format CSV\n{s},1": DIALECTS,
    "insert into function file('x.csv', 'CSV') format CSV {s},1": DIALECTS,
    "/* c */ -- it's; so\ninsert into t -- it's; so\nformat /* c */ CSV\n{s},1": DIALECTS,
    "insert t format CSV\n{s}": DIALECTS,
    "copy t from stdin\n;\n{s}\t1\n": DIALECTS,
    "copy t from stdin with (format csv,\n delimiter ';');\n{s};1\n\\.\n": DIALECTS,
    "copy t from stdin; -- it's so\n{s}\n": DIALECTS,
    "copy t from local stdin /* ; */ csv;\r\n{s}\r\n": DIALECTS,
    "load data infile * into table t fields terminated by ','\nbegindata\n{s},1": DIALECTS,
    "insert into t settings x = 1 format Values (1, '{s}'), ({s})": DIALECTS,
    'insert into t values ("{s}", 1), (2, "{s}")': ("", "sqlite", "mysql", "bigquery", "spark"),
    'update t set a = "{s}" where b in (1, "{s}")': ("", "sqlite", "mysql", "bigquery", "spark"),
    "select 'it\\'s {s}', 'x\\'y' from t": ("", "mysql", "bigquery", "snowflake", "spark", "databricks", "clickhouse"),
    "select q'[it's]' || q'[it's {s}]' from t": ("", "oracle"),
    "create table x as select a as '{s}' from t": ("snowflake", "postgres", "bigquery", "databricks", "oracle", "trino"),
    "create view v as select a as '{s}' from t": ("", "snowflake", "redshift", "clickhouse", "duckdb"),
    "select * from t where a = b.\"{s}\" or c = 'x": (),
}  # fmt: skip


def templates() -> Iterator[tuple[str, str]]:
    """Every template with each dialect that it is analysed under; `{s}` is the secret, `{{` a brace."""
    for dialect in DIALECTS:
        texts = [*TEXTS, *(form for form, where in OWN_TEXTS.items() if dialect in where)]
        for number, position in enumerate(_VALUES):
            for k in range(2):  # each form is in every position under some dialect, and in many under each
                yield position.replace("{v}", texts[(number + k * 5 + DIALECTS.index(dialect)) % len(texts)]), dialect
        for number, position in enumerate(_LOCATIONS):
            for k in range(4):
                yield (
                    position.replace("{v}", ADDRESSES[(number * 3 + k * 7 + DIALECTS.index(dialect)) % len(ADDRESSES)]),
                    dialect,
                )
        for template in (*_BARE, *_OTHERS, *_COMMENTS, *(one for one, where in _FOREIGN.items() if dialect in where)):
            yield template, dialect


def planted(template: str, secret: str) -> str:
    """The text of a template with the secret in it."""
    return template.replace("{s}", secret).replace("{{", "{").replace("}}", "}")
