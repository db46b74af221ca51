"""Google Pub/Sub over a gRPC server of the documented shape: messages are counted once they have arrived."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import pubsub_v1
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from grpc.aio import insecure_channel

from prefect_lineage_events import Dataset, lineage_disabled
from prefect_lineage_events.instrumentation.messages.pubsub import resource
from tests.instrumentation.recording import RecordedNotes
from tests.services.pubsub import pubsub_server


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with pubsub_server() as address:
        yield address


@pytest.fixture
def name(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a topic and of its subscription, at a server that clients use by its variable."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server)
    monkeypatch.setenv("PUBSUB_PROJECT_ID", "shop")
    return f"orders-{uuid4().hex[:8]}"


def publish(name: str, messages: int) -> None:
    publisher = pubsub_v1.PublisherClient()
    futures = [publisher.publish(f"projects/shop/topics/{name}", b"1") for _ in range(messages)]
    assert len([future.result(30) for future in futures]) == messages
    publisher.stop()


def test_published_messages_are_counted(notes: RecordedNotes, name: str) -> None:
    publish(name, 20)
    assert notes.messages == {f"write pubsub://topic:shop:{name}": 20}


def test_refused_message_is_not_counted(notes: RecordedNotes, name: str) -> None:
    publisher = pubsub_v1.PublisherClient()
    future = publisher.publish(topic=f"projects/shop/topics/{name}", data=b"refuse")
    with pytest.raises(InvalidArgument):
        future.result(30)
    with pytest.raises(TypeError):
        publisher.publish(f"projects/shop/topics/{name}", "no bytes")
    assert notes.messages == {}


def test_pulled_messages_are_counted(notes: RecordedNotes, name: str) -> None:
    with lineage_disabled():
        publish(name, 5)
    path = f"projects/shop/subscriptions/{name}"
    with pubsub_v1.SubscriberClient() as subscriber:
        subscriber.pull(subscription=path, max_messages=2)
        subscriber.pull(request={"subscription": path, "max_messages": 2})
        subscriber.pull(pubsub_v1.types.PullRequest(subscription=path, max_messages=2))
        assert len(subscriber.pull(subscription=path, max_messages=2).received_messages) == 0
    assert notes.messages == {f"read pubsub://subscription:shop:{name}": 5}


def test_messages_of_a_stream_are_counted_for_the_callback(notes: RecordedNotes, name: str) -> None:
    with lineage_disabled():
        publish(name, 3)
    got: list[bytes] = []
    done = threading.Event()

    def handle(message: Any) -> None:
        got.append(message.data)
        if len(got) == 3:
            done.set()

    with pubsub_v1.SubscriberClient() as subscriber:
        stream = subscriber.subscribe(f"projects/shop/subscriptions/{name}", callback=handle)
        assert done.wait(30)
        stream.cancel()
        stream.result(30)
    assert (got, notes.messages) == ([b"1"] * 3, {f"read pubsub://subscription:shop:{name}": 3})


def test_asynchronous_pull_is_counted(notes: RecordedNotes, name: str, server: str) -> None:
    with lineage_disabled():
        publish(name, 2)

    async def pulled() -> int:
        async with insecure_channel(server) as channel:
            client = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
            path = f"projects/shop/subscriptions/{name}"
            return len((await client.pull(subscription=path, max_messages=9)).received_messages)

    assert asyncio.run(pulled()) == 2
    assert notes.messages == {f"read pubsub://subscription:shop:{name}": 2}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("projects/p/topics/t", Dataset("pubsub", "topic:p:t")),
        ("projects/p/subscriptions/s", Dataset("pubsub", "subscription:p:s")),
        ("projects/p/topics", None),
        ("t", None),
    ],
)
def test_resource_is_named_as_openlineage_names_it(path: str, expected: Dataset | None) -> None:
    from openlineage.client.naming.dataset import PubSubNaming, PubSubResourceType

    found = resource(path)
    assert found == expected
    if found is not None:
        kind, project, name = found.name.split(":")
        naming = PubSubNaming(project_id=project, resource_type=PubSubResourceType(kind), resource_id=name)
        assert (naming.get_namespace(), naming.get_name()) == (found.namespace, found.name)
        assert Dataset.from_uri(found.uri) == found
