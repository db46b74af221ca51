"""SQS of moto's server: messages that boto3 and aiobotocore send and receive."""

from __future__ import annotations

import asyncio
from typing import Any

import aiobotocore.session
import boto3
import pytest
from botocore.exceptions import ClientError

from prefect_lineage_events.instrumentation.messages.sqs import queue
from tests.instrumentation.recording import RecordedNotes
from tests.services.moto import Moto, moto, moto_server

__all__ = ["moto", "moto_server"]


@pytest.fixture
def url(moto: Moto) -> str:
    return str(moto.client("sqs").create_queue(QueueName="orders")["QueueUrl"])


@pytest.fixture
def uri(url: str) -> str:
    return url.replace("http://", "sqs://").replace("127.0.0.1", "localhost")


def noted(notes: RecordedNotes) -> list[tuple[str, int | None]]:
    return list(zip(notes.accesses, [note.rows for note in notes], strict=True))


def test_messages_of_a_client_are_noted(notes: RecordedNotes, url: str, uri: str) -> None:
    client = boto3.client("sqs")
    client.receive_message(QueueUrl=url)
    client.send_message(QueueUrl=url, MessageBody="1")
    entries = [{"Id": str(number), "MessageBody": "1"} for number in range(3)]
    client.send_message_batch(QueueUrl=url, Entries=entries)
    client.get_queue_attributes(QueueUrl=url)
    got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    client.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
    assert noted(notes) == [(f"write {uri}", 1), (f"write {uri}", 3), (f"read {uri}", 4)]


def test_messages_of_a_resource_are_noted(notes: RecordedNotes, url: str, uri: str) -> None:
    of_resource = boto3.resource("sqs").Queue(url)
    of_resource.send_message(MessageBody="1")
    assert len(of_resource.receive_messages()) == 1
    assert noted(notes) == [(f"write {uri}", 1), (f"read {uri}", 1)]


def test_failed_call_is_not_noted(notes: RecordedNotes, url: str) -> None:
    with pytest.raises(ClientError):
        boto3.client("sqs").send_message(QueueUrl=f"{url}-none", MessageBody="1")
    assert notes == []


def test_messages_of_aiobotocore_are_noted(notes: RecordedNotes, url: str, uri: str) -> None:
    async def used() -> Any:
        async with aiobotocore.session.get_session().create_client("sqs") as client:
            await client.send_message(QueueUrl=url, MessageBody="1")
            return await client.receive_message(QueueUrl=url)

    assert len(asyncio.run(used())["Messages"]) == 1
    assert noted(notes) == [(f"write {uri}", 1), (f"read {uri}", 1)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders",
        ),
        (
            "https://eu-west-1.queue.amazonaws.com/123456789012/orders",
            "sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders",
        ),
        ("https://queue.amazonaws.com/123456789012/orders", "sqs://sqs.us-east-1.amazonaws.com/123456789012/orders"),
        ("https://u:secret@sqs.eu-west-1.amazonaws.com/1/o?x=secret", "sqs://sqs.eu-west-1.amazonaws.com/1/o"),
        ("orders", None),
    ],
)
def test_queue_is_named_by_its_address(url: str, expected: str | None) -> None:
    dataset = queue(url)
    assert (dataset and dataset.uri) == expected
