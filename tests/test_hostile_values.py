"""Values that a server's database cannot hold, in every field, on both of the databases of a Prefect server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow, get_client, task
from prefect.client.orchestration import SyncPrefectClient
from prefect.runtime import flow_run

from prefect_lineage_events import Dataset, instrument_connection, record_misc, record_read, record_write
from prefect_lineage_events.assembler import ledger, outbox
from prefect_lineage_events.emission import worker
from prefect_lineage_events.flows import assemble
from tests.assembler.loads import stored
from tests.recording import RecordingTarget, configure

NUL = "nul\x00"
HALF = "half\udcff"


@pytest.fixture
def client(each_prefect_server: object) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> RecordingTarget:
    target = RecordingTarget()
    configure(monkeypatch, target)
    monkeypatch.setattr(outbox, "RETRY_DELAYS", [])
    return target


@task
def bystander() -> None:
    record_write("s3://bucket/bystander.csv", inputs=["s3://bucket/in.csv"])


@flow(name="hostile values")
def hostile(database: Path) -> UUID:
    for bad in (NUL, HALF):
        record_write(f"s3://bucket/{bad}.csv", inputs=[Dataset(f"kafka://{bad}", bad)])
        record_misc("s3://bucket/kept.csv", description=bad)
    record_write("s3://bucket/nul%00.csv", rows=2**70)
    record_read("s3://bucket/negative.csv", rows=-1)
    record_read("s3://bucket/nan.csv", rows=float("nan"))  # type: ignore[arg-type]
    with closing(instrument_connection(sqlite3.connect(database))) as connection:
        connection.execute('create table if not exists "t%00" ("c%~1" text)')
        connection.execute("insert into \"t%00\" select 'é' where 1 = 1")
        connection.commit()
    bystander()
    return UUID(flow_run.id)


def test_values_that_a_database_refuses_lose_no_event(
    client: SyncPrefectClient, target: RecordingTarget, tmp_path: Path
) -> None:
    run_id = hostile(tmp_path / "shop.db")
    assert worker.flush()
    stored(client, run_id)
    assembled = assemble(flow_run_id=run_id)
    assert (assembled.outcome, assembled.complete) == ("sent", True)
    written = {output["name"] for output in target.of(run_id)[-1]["outputs"]}
    assert {"bystander.csv", "nul%00.csv", "t%00"} <= written
    # A NUL, and a text that looks like an encoded NUL, are two datasets.
    assert len([name for name in written if name.startswith("nul%00")]) == 2
    entry = ledger.read(client, [run_id])[run_id]
    assert entry.complete
    # The target's reason for a refusal is recorded as well, with any characters.
    target.refusal = f"500 {NUL} {HALF}"
    refused = hostile(tmp_path / "shop.db")
    assert worker.flush()
    stored(client, refused)
    assert assemble(flow_run_id=refused).rejected
    (line,) = ledger.read(client, [refused])[refused].targets.values()
    assert "nul%00" in line.reasons[0]
