"""The texts of a summary."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from prefect_lineage_events.assembler.batch import _count
from prefect_lineage_events.assembler.options import AssemblyResult
from prefect_lineage_events.assembler.summary import Summary, SweepError
from prefect_lineage_events.history.model import FlowRun
from prefect_lineage_events.stitching.model import Reanalysis
from tests.by_hand import NOON


def run(name: str = "nightly", started: dt.datetime = NOON) -> FlowRun:
    return FlowRun(uuid4(), "busy-bee", uuid4(), name, "COMPLETED", started=started, ended=started)


def test_summaries_add_up():
    first = Summary(
        assembled=[AssemblyResult(uuid4(), "a", "sent")], already_done=2, deleted=[run()], history_begins=NOON
    )
    whole = Summary()
    whole.add(first)
    whole.add(Summary(assembled=[AssemblyResult(uuid4(), "b", "no lineage")], already_done=1, left=[run()]))
    assert str(whole) == (
        "1 no lineage, 1 sent, 3 done before, 1 left for the next time, "
        "1 run whose events Prefect has deleted (its history begins 2026-05-01T12:00:00+00:00)"
    )


def test_reanalysis_is_in_the_summary():
    reported = Reanalysis(again=5, changed=2, textless=1)
    summary = Summary(assembled=[AssemblyResult(uuid4(), "a", "sent", reanalysis=reported)])
    assert "5 statements reanalysed, 2 of them with another result" in str(summary)
    assert "1 without a stored text" in str(summary)


def test_outcomes_begin_with_runs_that_need_attention():
    failed, busy, deleted = run("failed"), run("busy"), run("deleted")
    sent = AssemblyResult(uuid4(), "sent", "sent", 1, ("400: no",), lacks=("emitter 1: events 4-7",))
    summary = Summary(assembled=[sent], failed=[(failed, "503")], busy=[busy], deleted=[deleted])
    assert [(name, outcome) for _, name, outcome in summary.outcomes()] == [
        ("failed", "failed: 503"),
        ("busy", "being delivered by another assembler"),
        ("deleted", "its events were deleted"),
        ("sent", "sent, incomplete, 1 event refused"),
    ]


def test_refusals_are_named_with_their_reasons():
    refused = [AssemblyResult(uuid4(), f"load {i}", "sent", rejected=("HTTP 400: no name",)) for i in range(7)]
    summary = Summary(assembled=[AssemblyResult(uuid4(), "good", "sent", 2), *refused])
    assert str(summary) == "7 refused, 1 sent, 7 events refused"
    lines = list(summary.refusals())
    assert [one.partition(" (")[0] for one in lines] == [f"load {i}" for i in range(5)] + ["2 more"]
    assert lines[0].endswith("its lineage was refused, 0 events taken, 1 refused (HTTP 400: no name)")


def test_earlier_refusals_are_named_with_a_remedy():
    before = AssemblyResult(uuid4(), "load", "nothing new", refused_before=2)
    assert "nothing new to send; 2 events refused before (mend the target" in str(before)


def test_failed_runs_raise():
    Summary(left=[run()]).raise_for_failures()
    with pytest.raises(
        SweepError, match=r"1 failed\. The first failure, of nightly .*: 503 -> the next sweep tries again"
    ):
        Summary(failed=[(run(), "503")]).raise_for_failures()


@pytest.mark.parametrize(
    ("outcome", "started", "begins", "deleted"),
    [
        ("no lineage", NOON, NOON + dt.timedelta(hours=1), True),
        ("no lineage", NOON, NOON - dt.timedelta(hours=1), False),
        ("no lineage", NOON, None, False),
        ("sent", NOON, NOON + dt.timedelta(hours=1), False),
        ("events deleted", NOON, None, True),
    ],
)
def test_run_whose_events_prefect_deleted_is_counted(outcome, started, begins, deleted):
    summary, one = Summary(history_begins=begins), run(started=started)
    _count(AssemblyResult(one.id, one.flow_name, outcome), one, summary)
    assert bool(summary.deleted) == deleted
    assert bool(summary.assembled) != deleted
