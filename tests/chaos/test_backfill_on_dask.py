"""The parts of a backfill run on the workers of a Dask cluster, here a local one."""

from __future__ import annotations

import json

import pytest

from prefect_lineage_events.flows import backfill
from tests.assembler.loads import daily_load, hourly_load, now, stored

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture
def file(monkeypatch, tmp_path):
    """A target that the processes of the cluster write to as well."""
    path = tmp_path / "openlineage.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(path))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    return path


def test_parts_of_backfill_run_on_dask_workers(client, prefect_server, file):
    from prefect_dask import DaskTaskRunner

    start = now()
    runs = [load() for _ in range(3) for load in (daily_load, hourly_load)]
    stored(client, *runs)
    local = DaskTaskRunner(cluster_kwargs={"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None})
    summary = backfill.with_options(task_runner=local)(start=start, end=now())
    assert sorted(a.flow_run_id for a in summary.assembled if a.outcome == "sent") == sorted(runs)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(e["run"]["runId"] for e in events if e["eventType"] == "COMPLETE") == sorted(map(str, runs))
    assert backfill(start=start, end=now()).already_done == len(runs)
