"""Messages: the clients whose topics, queues and streams are captured."""

from __future__ import annotations

from prefect_lineage_events.instrumentation.library import Library
from prefect_lineage_events.instrumentation.messages import aiokafka, confluent, pubsub, redis, sqs

_MOCK = "librdkafka's mock of a cluster, over TCP"

LIBRARIES: tuple[Library, ...] = (
    Library(
        "messages",
        "confluent_kafka",
        confluent.patch,
        package="confluent-kafka",
        captured="`Producer.produce`, `produce_batch` when delivered, transactions when committed; `Consumer.poll`, "
        "`consume`; the serializing, Avro and asyncio clients, subclasses",
        not_captured="`ShareConsumer`; clients that were made before the switch-on (counted as lost); keys, schemas, "
        "headers",
        tests=("tests/instrumentation/messages/test_confluent.py", "tests/flows/kafka_to_table.py"),
        against=_MOCK,
    ),
    Library(
        "messages",
        "aiokafka.producer.producer",
        aiokafka.patch_producer,
        package="aiokafka",
        captured="`AIOKafkaProducer.send`, `send_and_wait`, `send_batch` when delivered, transactions when committed",
        not_captured="keys, schemas and headers of messages",
        tests=("tests/instrumentation/messages/test_aiokafka.py",),
        against=_MOCK,
    ),
    Library(
        "messages",
        "aiokafka.consumer.consumer",
        aiokafka.patch_consumer,
        package="aiokafka",
        captured="`AIOKafkaConsumer.getone`, `getmany`, `async for`",
        not_captured="keys, schemas and headers of messages",
        tests=("tests/instrumentation/messages/test_aiokafka.py",),
        against=_MOCK,
    ),
    Library(
        "messages",
        "redis.client",
        redis.patch,
        package="redis",
        captured="streams: XADD, XREAD, XREADGROUP, XRANGE, XREVRANGE, XCLAIM, XAUTOCLAIM, also in pipelines",
        not_captured="all other commands (keys, lists, pub/sub, XDEL, XTRIM); clusters; socket files (counted as lost)",
        tests=("tests/instrumentation/messages/test_redis.py", "tests/flows/queues_to_table.py"),
        against="Redis",
    ),
    Library(
        "messages",
        "redis.asyncio.client",
        redis.patch_async,
        package="redis",
        captured="the asyncio client, as the other one",
        not_captured="as the other client",
        tests=("tests/instrumentation/messages/test_redis.py", "tests/flows/queues_to_table.py"),
        against="Redis",
    ),
    Library(
        "messages",
        "botocore.client",
        sqs.patch,
        package="boto3",
        captured="SQS: `send_message`, `send_message_batch`, `receive_message` of clients and resources",
        not_captured="SNS, Kinesis; deletion of messages",
        tests=("tests/instrumentation/messages/test_sqs.py", "tests/flows/queues_to_table.py"),
        against="moto's server",
    ),
    Library(
        "messages",
        "aiobotocore.client",
        sqs.patch_async,
        package="aiobotocore",
        captured="SQS, as boto3",
        not_captured="as boto3",
        tests=("tests/instrumentation/messages/test_sqs.py", "tests/flows/queues_to_table.py"),
        against="moto's server",
    ),
    Library(
        "messages",
        "google.cloud.pubsub_v1.publisher.client",
        pubsub.patch_publisher,
        package="google-cloud-pubsub",
        captured="`PublisherClient.publish`, when its future is done",
        not_captured="the generated clients of `google.pubsub_v1`, Pub/Sub Lite",
        tests=("tests/instrumentation/messages/test_pubsub.py", "tests/flows/queues_to_table.py"),
        against="a gRPC server of the documented shape",
    ),
    Library(
        "messages",
        "google.cloud.pubsub_v1.subscriber.client",
        pubsub.patch_subscriber,
        package="google-cloud-pubsub",
        captured="`SubscriberClient.subscribe`, when the callback gets a message",
        not_captured="the topic behind a subscription: the subscription is the dataset",
        tests=("tests/instrumentation/messages/test_pubsub.py", "tests/flows/queues_to_table.py"),
        against="a gRPC server of the documented shape",
    ),
    Library(
        "messages",
        "google.pubsub_v1.services.subscriber.client",
        pubsub.patch_pull,
        package="google-cloud-pubsub",
        captured="`SubscriberClient.pull`",
        not_captured="`streaming_pull` of the generated client",
        tests=("tests/instrumentation/messages/test_pubsub.py", "tests/flows/queues_to_table.py"),
        against="a gRPC server of the documented shape",
    ),
    Library(
        "messages",
        "google.pubsub_v1.services.subscriber.async_client",
        pubsub.patch_pull_async,
        package="google-cloud-pubsub",
        captured="`SubscriberAsyncClient.pull`",
        not_captured="`streaming_pull` of the generated client",
        tests=("tests/instrumentation/messages/test_pubsub.py", "tests/flows/queues_to_table.py"),
        against="a gRPC server of the documented shape",
    ),
)
