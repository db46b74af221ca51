"""A gRPC server with the documented methods of Pub/Sub that publish and pull. A message `refuse` is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.pubsub_v1.types import pubsub

Queues = dict[str, list[Any]]


class _Server:
    """Each topic has one subscription of the same name."""

    def __init__(self) -> None:
        self.waiting: Queues = defaultdict(list)
        self.stopped = False

    def publish(self, request: Any, context: Any) -> Any:
        if any(message.data == b"refuse" for message in request.messages):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        self.waiting[request.topic.rpartition("/")[2]] += request.messages
        return pubsub.PublishResponse(message_ids=[str(number) for number in range(len(request.messages))])

    def pull(self, request: Any, _: Any) -> Any:
        waiting = self.waiting[request.subscription.rpartition("/")[2]]
        taken, waiting[:] = waiting[: request.max_messages], waiting[request.max_messages :]
        received = [pubsub.ReceivedMessage(ack_id=str(n), message=message) for n, message in enumerate(taken)]
        return pubsub.PullResponse(received_messages=received)

    def streaming_pull(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        first = next(requests)
        one = pubsub.PullRequest(subscription=first.subscription, max_messages=10)
        yield pubsub.StreamingPullResponse(received_messages=self.pull(one, context).received_messages)
        for _ in requests:
            pass


@contextmanager
def pubsub_server() -> Iterator[str]:
    """The address of a running server, for the variable `PUBSUB_EMULATOR_HOST`."""
    served = _Server()
    server = grpc.server(ThreadPoolExecutor(8))
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
    publisher = {"Publish": _method(unary, served.publish, pubsub.PublishRequest, pubsub.PublishResponse)}
    subscriber = {
        "Pull": _method(unary, served.pull, pubsub.PullRequest, pubsub.PullResponse),
        "StreamingPull": _method(
            stream, served.streaming_pull, pubsub.StreamingPullRequest, pubsub.StreamingPullResponse
        ),
    }
    for service, methods in {"Publisher": publisher, "Subscriber": subscriber}.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"google.pubsub.v1.{service}", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def _method(kind: Callable[..., Any], function: Any, request: Any, response: Any) -> Any:
    return kind(function, request_deserializer=request.deserialize, response_serializer=response.serialize)


@pytest.fixture(scope="session")
def pubsub_address() -> Iterator[str]:
    """The address of a server of the session."""
    with pubsub_server() as address:
        yield address
