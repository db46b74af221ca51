"""BigQuery's client, and its DB-API connections.

A client has methods for queries, load, copy and extract jobs, and streamed rows. Each call is noted when it has
succeeded: a job when its result has been waited for, all others at once. A job whose result is never waited for is not
reported, because it may have failed.
https://cloud.google.com/python/docs/reference/bigquery/latest
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from prefect_lineage_events import filters, patches, stores
from prefect_lineage_events.emission.losses import count_loss
from prefect_lineage_events.events import Column
from prefect_lineage_events.guard import guarded
from prefect_lineage_events.instrumentation import tracer as tracing
from prefect_lineage_events.instrumentation.driver import Driver
from prefect_lineage_events.instrumentation.drivers.bigquery import jobs
from prefect_lineage_events.instrumentation.execution import Execution, answer_or_default
from prefect_lineage_events.instrumentation.proxies import Proxy
from prefect_lineage_events.stores import Store

T = TypeVar("T")
Text = Callable[["ClientProxy", Mapping[str, Any]], str]
"""The equivalent statement of a call with these arguments, which are given by the names of their parameters."""

_LOOKUP_TIMEOUT = 10.0
_inside: ContextVar[bool] = ContextVar("lineage_inside_bigquery_call", default=False)


@dataclass(frozen=True, slots=True)
class TableLookup:
    """Columns from the tables' metadata, over a client of our own: no query, no job, no cost."""

    client: Callable[[], Any] = field(repr=False)

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        with self.client() as client:
            found = {table: answer_or_default(_described, client, table, default=None) for table in tables}
        return {table: columns for table, columns in found.items() if columns}


def _described(client: Any, table: tuple[str, ...]) -> dict[str, str | None]:
    schema = client.get_table(".".join(table), retry=None, timeout=_LOOKUP_TIMEOUT).schema
    return {column.name: column.field_type for column in schema}


def client_lookup(client: Any) -> TableLookup:
    """A look-up with the client's project, credentials and address. Credentials refresh without a person."""
    options = {"api_endpoint": client._connection.API_BASE_URL}
    own = partial(client.__class__, client.project, credentials=client._credentials, client_options=options)
    return TableLookup(own)


def client_store(client: Any, job_config: Any = None, project: str | None = None) -> Store:
    """The project, and the dataset of names without one."""
    dataset = _setting(client, job_config, "default_dataset")
    return stores.bigquery(project or client.project, dataset.dataset_id if dataset is not None else None)


def _setting(client: Any, job_config: Any, name: str) -> Any:
    """The setting of the call, or else the client's default."""
    own = getattr(job_config, name, None)
    return getattr(client.default_query_job_config, name, None) if own is None else own


class ClientProxy(Proxy):
    """The proxy of a client, whose calls are reported. `connections` are those that earlier proxies of it made."""

    def __init__(self, client: Any, connections: dict[Store, _ClientConnection] | None = None) -> None:
        super().__init__(client)
        self._self_connections = {} if connections is None else connections

    def __getattr__(self, name: str) -> Any:
        return self._self_attribute(name, CLIENT_WRAPPERS)

    def __enter__(self) -> Any:
        return self._self_same(self.__wrapped__.__enter__())

    def _self_connection(self, store: Store) -> _ClientConnection:
        """The connection of a project and default dataset, which decide the meaning of a name."""
        if store not in self._self_connections:
            lookup = answer_or_default(client_lookup, self.__wrapped__, default=None)
            self._self_connections[store] = _ClientConnection(DRIVER, tracing.connection(store, lookup=lookup))
        return self._self_connections[store]


@dataclass(frozen=True, slots=True)
class _ClientConnection:
    """A client's calls of one project and default dataset, as those of a traced connection."""

    _self_driver: Driver
    _self_tracer: tracing.ConnectionTracer

    @property
    def _self_own(self) -> None:
        """The client is not referred to, so that it is collected as before. `Execution` needs nothing of it."""
        return None


def trace_client(client: T) -> T:
    """Return a proxy of the client that reports. Idempotent."""
    if isinstance(client, ClientProxy) or not filters.current().enabled:
        return client
    patches.switch_on()
    return ClientProxy(client)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The known facts of a call that succeeded."""

    rows: int | None = None
    query_id: str | None = None
    columns: tuple[Column, ...] = ()


class _Call:
    """A call in progress, noted once when it has succeeded."""

    def __init__(self, client: ClientProxy, text: Text, method: Any, args: Any, kwargs: Any) -> None:
        self._client, self._text = client, text
        self.arguments = answer_or_default(_arguments, method, args, kwargs, default=kwargs)
        self._execution: Execution | None = None
        with guarded("noting a call of BigQuery's client", count_loss):
            config = self.arguments.get("job_config")
            if not getattr(config, "dry_run", None):
                store = client_store(client.__wrapped__, config, self.arguments.get("project"))
                self._execution = Execution(client._self_connection(store))

    def note(self, outcome: Callable[[], _Outcome] = _Outcome) -> None:
        """Note that the call has succeeded, once. `outcome` reads the facts that are known only then."""
        execution, self._execution = self._execution, None
        if execution is None:
            return
        with guarded("noting a call of BigQuery's client", count_loss):
            known = outcome()
            execution.operation = self._text(self._client, self.arguments)
            execution.succeeded(rows=known.rows, query_id=known.query_id, columns=known.columns)


def _arguments(method: Any, args: Any, kwargs: Any) -> Mapping[str, Any]:
    code = method.__func__.__code__
    return {**dict(zip(code.co_varnames[1 : code.co_argcount], args, strict=False)), **kwargs}


class JobProxy(Proxy):
    """The proxy of a job, which is reported when its result has arrived."""

    def __init__(self, job: Any, call: _Call) -> None:
        super().__init__(job)
        self._self_call = call

    def __getattr__(self, name: str) -> Any:
        return self._self_attribute(name, _JOB_WRAPPERS)

    def __iter__(self) -> Any:
        rows = iter(self.__wrapped__)
        self._self_note()
        return rows

    def _self_note(self, result: Any = None) -> None:
        self._self_call.note(lambda: _Outcome(_job_rows(self.__wrapped__, result), self.__wrapped__.job_id))


def _job_rows(job: Any, result: Any) -> int | None:
    """The rows written by DML and loads, or else the rows found."""
    written: int | None = getattr(job, "num_dml_affected_rows", None)
    written = getattr(job, "output_rows", None) if written is None else written
    return _total(result) if written is None else written


def _trace_result(job: JobProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `result()` and methods that call it, which raise when the job has failed."""
    result = method(*args, **kwargs)
    job._self_note(result)
    return job._self_same(result)


def _trace_state(job: JobProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace `done()`, `reload()`, `exception()`: the job's state is known after them."""
    answer = method(*args, **kwargs)
    own = job.__wrapped__
    if own.state == "DONE" and own.error_result is None:
        job._self_note()
    return answer


_JOB_WRAPPERS = {
    **dict.fromkeys(("result", "to_dataframe", "to_arrow", "to_geodataframe"), _trace_result),
    **dict.fromkeys(("done", "reload", "exception"), _trace_state),
}


def _total(rows: Any) -> int | None:
    """The rows that a query found. 0 is unknown: DDL reports it as well."""
    return getattr(rows, "total_rows", None) or None


def _traced_job(text: Text) -> Any:
    def wrapper(client: ClientProxy, method: Any, args: Any, kwargs: Any) -> Any:
        call = _Call(client, text, method, args, kwargs)
        return JobProxy(method(*args, **kwargs), call)

    return wrapper


def _traced_call(text: Text) -> Any:
    def wrapper(client: ClientProxy, method: Any, args: Any, kwargs: Any) -> Any:
        call = _Call(client, text, method, args, kwargs)
        result = method(*args, **kwargs)
        call.note()
        return result

    return wrapper


def _trace_insert(client: ClientProxy, method: Any, args: Any, kwargs: Any) -> Any:
    """Trace streamed rows. The result is a list of errors, by row or by portion; with any, nothing is reported."""
    call = _Call(client, lambda _, given: jobs.insert(given["table"]), method, args, kwargs)
    errors = method(*args, **kwargs)
    if answer_or_default(any, errors, default=True):
        return errors
    call.note(lambda: _Outcome(_length(call.arguments)))
    return errors


def _length(given: Mapping[str, Any]) -> int | None:
    """The number of rows in the arguments; None for a generator."""
    rows = next(given[name] for name in ("json_rows", "dataframe", "rows") if name in given)
    return len(rows) if hasattr(rows, "__len__") else None


def _trace_query_and_wait(client: ClientProxy, method: Any, args: Any, kwargs: Any) -> Any:
    call = _Call(client, _query, method, args, kwargs)
    found = method(*args, **kwargs)
    call.note(lambda: _Outcome(_found_rows(found), _found_id(found), _columns(found.schema)))
    return found


def _found_rows(found: Any) -> int | None:
    changed: int | None = found.num_dml_affected_rows
    return _total(found) if changed is None else changed


def _found_id(found: Any) -> str | None:
    """The job's id, or the query's: short queries may run without a job."""
    found_id: str | None = found.job_id or found.query_id
    return found_id


def _columns(schema: Any) -> tuple[Column, ...]:
    return tuple(Column(name=column.name, type=column.field_type) for column in schema or ())


def _query(client: ClientProxy, given: Mapping[str, Any]) -> str:
    config, own = given.get("job_config"), client.__wrapped__
    destination = _setting(own, config, "destination")
    return jobs.query(given["query"], destination, _setting(own, config, "write_disposition"))


def _disposition(given: Mapping[str, Any]) -> str | None:
    return getattr(given.get("job_config"), "write_disposition", None)


def _traced_load(sources: Callable[[Mapping[str, Any]], Any]) -> Any:
    return _traced_job(lambda _, given: jobs.load(given["destination"], sources(given), _disposition(given)))


def outermost(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a method that may call other methods of the client: those are parts of its call."""

    def call(traced: Any, method: Any, args: Any, kwargs: Any) -> Any:
        if _inside.get():
            return method(*args, **kwargs)
        token = _inside.set(True)
        try:
            return wrapper(traced, method, args, kwargs)
        finally:
            _inside.reset(token)

    return call


_CLIENT_METHODS = {
    "query": _traced_job(_query),
    "query_and_wait": _trace_query_and_wait,
    "load_table_from_uri": _traced_load(lambda given: given["source_uris"]),
    "load_table_from_file": _traced_load(lambda given: jobs.file_of(given["file_obj"])),
    "load_table_from_dataframe": _traced_load(lambda _: ()),
    "load_table_from_json": _traced_load(lambda _: ()),
    "copy_table": _traced_job(lambda _, given: jobs.copy(given["sources"], given["destination"], _disposition(given))),
    "extract_table": _traced_job(lambda _, given: jobs.extract(given["source"], given["destination_uris"])),
    "insert_rows": _trace_insert,
    "insert_rows_json": _trace_insert,
    "insert_rows_from_dataframe": _trace_insert,
    "list_rows": _traced_call(lambda _, given: jobs.read(given["table"], given.get("selected_fields") or ())),
    "create_table": _traced_call(lambda _, given: jobs.create(given["table"])),
    "delete_table": _traced_call(lambda _, given: jobs.drop(given["table"])),
}
CLIENT_WRAPPERS = {name: outermost(wrapper) for name, wrapper in _CLIENT_METHODS.items()}


DRIVER = Driver(
    store=lambda connection: client_store(connection._client),
    autocommits=lambda _: True,
    rows=lambda cursor: _found_rows(cursor._query_rows),
    query_id=lambda cursor: _found_id(cursor._query_rows),
    type_name=str,
    lookup=lambda connection: client_lookup(connection._client),
)
"""`google.cloud.bigquery.dbapi`, which sqlalchemy-bigquery uses as well."""
