"""SQS: messages that boto3 and aiobotocore have sent to a queue, or received from one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation import aws
from prefect_lineage_events.instrumentation.access import Access, Call

_OLD_HOST = re.compile(r"(?:(?P<region>[a-z0-9-]+)\.)?queue\.(?P<domain>amazonaws\.com(?:\.cn)?)")


def patch(module: Any) -> None:
    """Watch the clients of botocore."""
    aws.watch(module.BaseClient, "sqs", _OPERATIONS)


def patch_async(module: Any) -> None:
    """Watch the clients of aiobotocore."""
    aws.watch(module.AioBaseClient, "sqs", _OPERATIONS)


def queue(url: str) -> Dataset | None:
    """The dataset of a queue: `sqs://sqs.<region>.amazonaws.com/<account>/<name>`, by its URL."""
    parts = urlsplit(url)
    host, path = parts.netloc.rpartition("@")[2].lower(), parts.path.strip("/")
    if not host or not path:
        return None
    if old := _OLD_HOST.fullmatch(host):
        host = f"sqs.{old['region'] or 'us-east-1'}.{old['domain']}"
    return Dataset(f"sqs://{host}", path).canonical()


def _sent(call: Call) -> Iterator[Access]:
    yield from _access(call, "write", 1)


def _batch_sent(call: Call) -> Iterator[Access]:
    yield from _access(call, "write", len(call.result.get("Successful") or ()))


def _received(call: Call) -> Iterator[Access]:
    yield from _access(call, "read", len(call.result.get("Messages") or ()))


def _access(call: Call, operation: Any, messages: int) -> Iterator[Access]:
    dataset = queue(aws.parameters(call)["QueueUrl"]) if messages else None
    if dataset is not None:
        yield Access(operation, dataset, "sqs", rows=messages)


_OPERATIONS = {"SendMessage": _sent, "SendMessageBatch": _batch_sent, "ReceiveMessage": _received}
