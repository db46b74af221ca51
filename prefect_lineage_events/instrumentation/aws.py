"""Calls of AWS clients: one patched method sees those of every client of boto3 and aiobotocore, by service.

All requests pass `_make_api_call`: those of clients and resources, paginators, waiters and the threads of the transfer
manager, and of clients that were made before lineage was switched on. Handlers of botocore's own events (`after-call`)
would have to be registered at the emitter of each client, which is copied when a client is made: existing clients would
be found by a search of all objects only. A handler also changes what the user's own handlers see and in which order
they are called, and an aiobotocore client awaits it.

`watch` declares what the operations of a service access. Operations without a declaration are passed on; a run that
uses a service of data without one names it as not captured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prefect_lineage_events import patches
from prefect_lineage_events.emission.not_captured import name_library
from prefect_lineage_events.instrumentation.access import Call, Describe, call_and_report, is_inside
from prefect_lineage_events.instrumentation.patched_function import PatchedFunction

_METHOD = "_make_api_call"
# Services that hold data of users.
_OF_DATA = frozenset({
    "athena", "docdb-elastic", "dynamodb", "dynamodbstreams", "es", "firehose", "kinesis", "neptunedata", "opensearch",
    "rds-data", "redshift-data", "s3", "s3tables", "s3vectors", "sdb", "sns", "sqs", "timestream-query",
    "timestream-write",
})  # fmt: skip
_services: dict[str, Mapping[str, Describe]] = {}


def watch(client_class: Any, service: str, operations: Mapping[str, Describe]) -> None:
    """Note the accesses of these operations of a service, by all clients of a class (`BaseClient`, `AioBaseClient`).

    A description gets a call whose arguments are the operation's name and a copy of its parameters, as they were before
    botocore's handlers changed them; `result` is the parsed response.
    """
    _services[service] = operations
    patches.add(client_class, _METHOD, _make)


def parameters(call: Call) -> Mapping[str, Any]:
    """The parameters of an operation, as the program gave them."""
    found: Mapping[str, Any] = call.args[1]
    return found


def _make(original: Any, is_on: Callable[[], bool]) -> Any:
    return PatchedFunction(original, _wrapper, enabled=is_on)


def _wrapper(function: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    describe = _described(instance, args)
    if describe is None:
        return function(*args, **kwargs)
    before = dict(args[1])
    return call_and_report(
        lambda call: describe(Call(function, instance, (args[0], before), kwargs, call.result)),
        Call(function, instance, args, kwargs),
    )


def _described(client: Any, args: tuple[Any, ...]) -> Describe | None:
    if len(args) != 2 or not isinstance(args[1], dict):
        return None
    try:
        service = client.meta.service_model.service_name
    except AttributeError:  # a client of the user's own class
        return None
    operations = _services.get(service)
    if operations is not None:
        return operations.get(args[0])
    if service in _OF_DATA and not is_inside():
        name_library(f"{service} by boto3")
    return None


patches.when_off(_services.clear)
