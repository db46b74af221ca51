"""Events that OpenMetadata does not use yet are kept for the sweep, and used once it knows their tables."""

from __future__ import annotations

import datetime as dt

import pytest

from prefect_lineage_events.assembler import ledger, sweep, sweep_state
from prefect_lineage_events.assembler.assemble import assemble_run
from prefect_lineage_events.assembler.options import AssemblyOptions
from prefect_lineage_events.assembler.sweep import sweep_runs
from prefect_lineage_events.delivery.targets import targets
from prefect_lineage_events.history import api
from tests.assembler.loads import daily_load, stored
from tests.delivery.backend import running
from tests.services.openmetadata import OpenMetadata

OPTIONS = AssemblyOptions(retry=True)


@pytest.fixture
def openmetadata(monkeypatch, client):
    server = OpenMetadata({"shop.public.source": {"id"}})
    sweep_state.write(client, sweep_state.SweepState(mark=dt.datetime.now(dt.timezone.utc)))
    with running(server.answer) as backend:
        monkeypatch.setenv("OPENLINEAGE_URL", backend.url)
        monkeypatch.setenv("OPENLINEAGE_ENDPOINT", "api/v1/openlineage/lineage")
        yield server


def test_a_run_is_sent_again_until_its_table_is_known(client, openmetadata, monkeypatch):
    run_id = daily_load()
    stored(client, run_id)
    first = sweep_runs(client, OPTIONS)
    assert [run.id for run in first.kept] == [run_id]
    assert not first.failed
    assert "1 event kept for the next sweeps" in str(first)
    (waiting,) = sweep_state.read(client).waiting
    assert "shop.public.loaded" in waiting.reason
    assert waiting.not_before > api.now(client)
    (to,) = targets()
    state = ledger.read(client, [run_id])[run_id].delivery_to(to.id)
    assert (state.rejected, state.kept) == (1, 1)
    assert "shop.public.loaded" in state.reasons[0]
    openmetadata.tables["shop.public.loaded"] = {"id"}
    assert not sweep_runs(client, OPTIONS).assembled
    assert not openmetadata.edges
    late = api.now(client) + sweep_state.MAX_DELAY
    with monkeypatch.context() as later:
        later.setattr(sweep.api, "now", lambda _: late)
        assert [one.sent for one in sweep_runs(client, OPTIONS).assembled] == [1]
    assert set(openmetadata.edges) == {("shop.public.source", "shop.public.loaded")}
    assert not sweep_state.read(client).waiting
    state = ledger.read(client, [run_id])[run_id].delivery_to(to.id)
    assert (state.rejected, state.kept, state.reasons, state.finished) == (0, 0, (), True)
    assert assemble_run(client, run_id, OPTIONS).outcome == "nothing new"
