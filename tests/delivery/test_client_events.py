"""Our events as the official client's."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.delivery.profiles.registry import PLAIN
from prefect_lineage_events.openlineage.events import run_events
from tests.delivery.test_deliver import _without_empty
from tests.openlineage.conftest import child_of, deployed, elt
from tests.openlineage.validation import faults
from tests.stitching.lineages import run


@pytest.fixture
def events():
    found = run(elt())
    full = replace(found, run=deployed(found.run, parents=child_of("middle", "top"), message="boom"))
    return run_events(full, namespace="prefect://acme", granularity="task")


@pytest.mark.parametrize("profile", [PLAIN.shape, MARQUEZ.shape])
def test_the_client_writes_what_was_built(events, profile):
    from openlineage.client.serde import Serde

    from prefect_lineage_events.delivery.client_events import client_event

    sent = profile(events)
    written = [json.loads(Serde.to_json(client_event(event))) for event in sent]
    assert [_without_empty(w) for w in written] == [_without_empty(s) for s in sent]
    assert faults(written) == []


def test_kafka_key_is_that_of_the_root_run(events):
    """Its message key is made of the root's job: one partition, one order."""
    from openlineage.client.transport.kafka import KafkaTransport

    from prefect_lineage_events.delivery.client_events import client_event

    transport = KafkaTransport.__new__(KafkaTransport)
    assert {transport._get_message_key(client_event(event)) for event in events} == {"run:prefect://acme/top"}
