"""Data libraries that no family covers: a run that uses one of them says so, since its lineage is not the whole.

Each library has the functions or the class through which every use of it begins. They are wrapped when a program
imports the library, and do nothing but note its name, once for each run. A use inside of a captured call (pandas writes
Excel files by openpyxl) is no use of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.not_captured import name_library
from prefect_lineage_events.instrumentation.access import is_inside
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A library that is not captured. `package` is its installed name, and `module` the one that programs import.

    `uses` are attributes of the module, such as `connect` or `Client.__init__`. `through_engines`: SQLAlchemy's engines
    use it as their driver, and their statements are captured.
    """

    package: str
    module: str
    uses: tuple[str, ...]
    through_engines: bool = False

    def watch(self, module: Any) -> None:
        """Wrap the functions by which a use of the library begins."""
        for use in self.uses:
            *owners, name = use.split(".")
            owner = module
            for part in owners:
                owner = getattr(owner, part, None)
            known = getattr(owner, name, None) if owner is not None else None
            # A class stays a class: programs extend it, and ask `isinstance`.
            if callable(known) and not isinstance(known, type):
                patches.add(owner, name, self._named_by)

    def _named_by(self, original: Any, is_on: Callable[[], bool]) -> Any:
        def call(function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
            if not (is_inside() or (self.through_engines and _is_called_by_sqlalchemy())):
                name_library(self.package)
            return function(*args, **kwargs)

        return PatchedFunction(original, call, enabled=is_on)


def _is_called_by_sqlalchemy() -> bool:
    """Return whether SQLAlchemy called the wrapped function: the frame above the wrapper and above this one."""
    name = sys._getframe(2).f_globals.get("__name__", "")
    return str(name).startswith("sqlalchemy.")


def _drivers() -> Iterator[Uncovered]:
    """Drivers of databases with `connect` of PEP 249."""
    for package, module in (
        ("ibm-db", "ibm_db_dbi"),
        ("teradatasql", "teradatasql"),
        ("vertica-python", "vertica_python"),
        ("hdbcli", "hdbcli.dbapi"),
        ("firebird-driver", "firebird.driver"),
        ("jaydebeapi", "jaydebeapi"),
        ("PyHive", "pyhive.hive"),
        ("PyHive", "pyhive.presto"),
        ("impyla", "impala.dbapi"),
        ("pyathena", "pyathena"),
        ("cx-Oracle", "cx_Oracle"),
        ("pg8000", "pg8000"),
        ("pg8000", "pg8000.dbapi"),
        ("presto-python-client", "prestodb"),
        ("phoenixdb", "phoenixdb"),
        ("pydruid", "pydruid.db"),
        ("pinotdb", "pinotdb"),
        ("crate", "crate.client"),
        ("monetdb", "pymonetdb"),
        ("aiomysql", "aiomysql"),
        ("asyncmy", "asyncmy"),
        ("aioodbc", "aioodbc"),
        ("turbodbc", "turbodbc"),
        ("pyexasol", "pyexasol"),
        ("clickhouse-driver", "clickhouse_driver.dbapi"),
        ("libsql", "libsql"),
        ("chdb", "chdb.dbapi"),
        ("singlestoredb", "singlestoredb"),
        ("sqlcipher3", "sqlcipher3.dbapi2"),
    ):
        yield Uncovered(package, module, ("connect",), through_engines=True)


_CLIENTS = (
    Uncovered("pymongo", "pymongo", ("MongoClient.__init__", "AsyncMongoClient.__init__")),
    Uncovered("motor", "motor.motor_asyncio", ("AsyncIOMotorClient.__init__",)),
    Uncovered("cassandra-driver", "cassandra.cluster", ("Cluster.connect",)),
    Uncovered("scylla-driver", "cassandra.cluster", ("Cluster.connect",)),
    Uncovered("elasticsearch", "elasticsearch", ("Elasticsearch.__init__", "AsyncElasticsearch.__init__")),
    Uncovered("opensearch-py", "opensearchpy", ("OpenSearch.__init__", "AsyncOpenSearch.__init__")),
    Uncovered("neo4j", "neo4j", ("GraphDatabase.driver", "AsyncGraphDatabase.driver")),
    Uncovered("influxdb-client", "influxdb_client", ("InfluxDBClient.__init__",)),
    Uncovered("influxdb3-python", "influxdb_client_3", ("InfluxDBClient3.__init__",)),
    Uncovered("couchbase", "couchbase.cluster", ("Cluster.__init__",)),
    Uncovered("arangodb", "arango", ("ArangoClient.__init__",)),
    Uncovered("clickhouse-driver", "clickhouse_driver", ("Client.__init__",)),
    Uncovered("questdb", "questdb.ingress", ("Sender.from_conf",)),
    Uncovered("google-cloud-firestore", "google.cloud.firestore", ("Client.__init__", "AsyncClient.__init__")),
    Uncovered("google-cloud-bigtable", "google.cloud.bigtable", ("Client.__init__",)),
    Uncovered("google-cloud-spanner", "google.cloud.spanner", ("Client.__init__",)),
    Uncovered("azure-cosmos", "azure.cosmos", ("CosmosClient.__init__",)),
    Uncovered("azure-data-tables", "azure.data.tables", ("TableServiceClient.__init__", "TableClient.__init__")),
    Uncovered("azure-storage-queue", "azure.storage.queue", ("QueueClient.__init__", "QueueServiceClient.__init__")),
    Uncovered("azure-storage-file-datalake", "azure.storage.filedatalake", ("DataLakeServiceClient.__init__",)),
    Uncovered(
        "azure-eventhub", "azure.eventhub", ("EventHubProducerClient.__init__", "EventHubConsumerClient.__init__")
    ),
    Uncovered("azure-servicebus", "azure.servicebus", ("ServiceBusClient.__init__",)),
    Uncovered("chromadb", "chromadb", ("Client", "PersistentClient", "HttpClient", "EphemeralClient")),
    Uncovered("lancedb", "lancedb", ("connect", "connect_async")),
    Uncovered("pylance", "lance", ("dataset", "write_dataset")),
    Uncovered("qdrant-client", "qdrant_client", ("QdrantClient.__init__", "AsyncQdrantClient.__init__")),
    Uncovered("pinecone", "pinecone", ("Pinecone.__init__",)),
    Uncovered("weaviate-client", "weaviate", ("connect_to_local", "connect_to_custom", "connect_to_weaviate_cloud")),
    Uncovered("pymilvus", "pymilvus", ("MilvusClient.__init__",)),
    Uncovered("pika", "pika", ("BlockingConnection.__init__", "SelectConnection.__init__")),
    Uncovered("aio-pika", "aio_pika", ("connect", "connect_robust")),
    Uncovered("kombu", "kombu", ("Connection.__init__",)),
    Uncovered("pulsar-client", "pulsar", ("Client.__init__",)),
    Uncovered("nats-py", "nats", ("connect",)),
    Uncovered("paho-mqtt", "paho.mqtt.client", ("Client.__init__",)),
    Uncovered("kafka-python", "kafka", ("KafkaProducer.__init__", "KafkaConsumer.__init__")),
    Uncovered("faust-streaming", "faust", ("App.__init__",)),
    Uncovered("paramiko", "paramiko", ("SFTPClient.__init__",)),
    Uncovered("asyncssh", "asyncssh", ("connect",)),
    Uncovered("ftplib", "ftplib", ("FTP.connect",)),
    Uncovered("smbprotocol", "smbclient", ("open_file", "register_session")),
    Uncovered("hdfs", "hdfs", ("InsecureClient.__init__", "Client.__init__")),
    Uncovered("gspread", "gspread", ("authorize", "service_account", "oauth")),
    Uncovered("google-api-python-client", "googleapiclient.discovery", ("build",)),
    Uncovered("simple-salesforce", "simple_salesforce", ("Salesforce.__init__",)),
    Uncovered("ibis-framework", "ibis", ("connect",)),
    Uncovered("pyspark", "pyspark.sql", ("SparkSession.__init__",)),
    Uncovered("pyspark-client", "pyspark.sql.connect.session", ("SparkSession.__init__",)),
    Uncovered("datafusion", "datafusion", ("SessionContext.__init__",)),
)
_FORMATS = (
    Uncovered(
        "numpy", "numpy", ("load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt", "fromfile")
    ),
    Uncovered("h5py", "h5py", ("File.__init__",)),
    Uncovered("tables", "tables", ("open_file",)),
    Uncovered("zarr", "zarr", ("open", "open_group", "open_array", "load", "save")),
    Uncovered(
        "xarray", "xarray", ("open_dataset", "open_mfdataset", "open_zarr", "Dataset.to_netcdf", "Dataset.to_zarr")
    ),
    Uncovered("openpyxl", "openpyxl", ("load_workbook", "Workbook.save")),
    Uncovered("XlsxWriter", "xlsxwriter", ("Workbook.__init__",)),
    Uncovered("xlrd", "xlrd", ("open_workbook",)),
    Uncovered("python-calamine", "python_calamine", ("load_workbook",)),
    Uncovered("fastavro", "fastavro", ("reader", "writer", "block_reader")),
    Uncovered("fastparquet", "fastparquet", ("ParquetFile.__init__", "write")),
    Uncovered("geopandas", "geopandas", ("read_file", "read_parquet", "read_postgis", "GeoDataFrame.to_file")),
    Uncovered("rasterio", "rasterio", ("open",)),
    Uncovered("fiona", "fiona", ("open",)),
    Uncovered("pyogrio", "pyogrio", ("read_dataframe", "write_dataframe")),
    Uncovered("pyreadstat", "pyreadstat", ("read_sav", "read_sas7bdat", "read_dta", "write_sav", "write_dta")),
    Uncovered("dask", "dask.dataframe", ("read_csv", "read_parquet", "read_json", "read_sql_table", "to_parquet")),
    Uncovered("modin", "modin.pandas", ("read_csv", "read_parquet", "read_json", "read_sql")),
    Uncovered("daft", "daft", ("read_csv", "read_parquet", "read_json", "read_deltalake", "read_iceberg")),
    Uncovered("vaex", "vaex", ("open", "from_csv")),
    Uncovered("datasets", "datasets", ("load_dataset", "load_from_disk")),
)
UNCOVERED: tuple[Uncovered, ...] = (*_drivers(), *_CLIENTS, *_FORMATS)
