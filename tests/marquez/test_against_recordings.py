"""The stand-in responds as a real Marquez did.

Every scenario recorded from Marquez 0.51.2 is replayed, request by request and in order, against a fresh stand-in.
Compared are:

| response | compared part |
|---|---|
| all | the status |
| 422 | the errors, as a set |
| 404 | code and message |
| other refusals | the `code` of a JSON body; HTML pages are not compared |
| all others | the whole JSON body, or the part of it that the recorder kept: runs, states and times, jobs and stored parent names, inputs and outputs, graphs with nodes, edges and data, datasets, versions, fields, facets, column lineage, lists, raw events, sources, search |

Values that the server generates (ids, its own clock) must only be present in both. Lists of runs, versions, datasets,
namespaces and graph nodes are compared in order, all others as sets. Not compared:

| not compared | reason |
|---|---|
| 17-scale, 19-concurrency | not replayable: their events were not kept; they measure time |
| bodies of DELETE | no client reads them |
| in a column graph the `data` of a column whose sources come from several versions | the server shows one version's, chosen by random ids |
| `/api/v2beta`, tagging, and in 15 the requests after it | not part of the stand-in |
| counts read from the recorder's database | no request |

Where the recorder found lists broken, it emptied the database before it continued, and so does the replay.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.marquez import recorded
from tests.marquez.recorded import BROKE, Exchange
from tests.marquez.standin import StandIn
from tests.marquez.store import Store

RECORDINGS = Path(__file__).parent / "recordings"
ORIGINALS = Path(__file__).parents[3] / "shared" / "marquez" / "recordings"
NOT_PART = ("/api/v2beta/",)
AFTER_TAGGING = ("15-dataset-and-job-facets", 22)

scenarios = sorted(path.name.removesuffix(".json.gz") for path in RECORDINGS.glob("*.json.gz"))


@pytest.mark.parametrize("scenario", scenarios)
def test_stand_in_responds_as_recorded(scenario: str) -> None:
    exchanges = recorded.load(RECORDINGS / f"{scenario}.json.gz")
    emptied = _emptied_before(exchanges)
    version = ""
    unlike = []
    with StandIn() as standin:
        for exchange in exchanges:
            if exchange.index in emptied:
                standin.marquez.store = Store()
            status, answer = recorded.send(standin.url, exchange, version)
            if isinstance(answer, dict) and answer.get("versions"):
                version = answer["versions"][0]["version"]
            if _is_compared(scenario, exchange):
                shown = f"{exchange.index} {exchange.method} {exchange.path} ({exchange.note})"
                unlike += [f"{shown}: {difference}" for difference in recorded.differences(exchange, status, answer)]
    assert unlike == []


def test_recordings_have_all_scenarios() -> None:
    assert len(scenarios) == 24


@pytest.mark.skipif(not ORIGINALS.exists(), reason="the original recordings are not beside the repository")
@pytest.mark.parametrize("scenario", scenarios)
def test_recordings_are_unchanged(scenario: str) -> None:
    assert recorded.read(RECORDINGS / f"{scenario}.json.gz") == recorded.read(ORIGINALS / f"{scenario}.json")


def _is_compared(scenario: str, exchange: Exchange) -> bool:
    tagged = scenario == AFTER_TAGGING[0] and exchange.index >= AFTER_TAGGING[1]
    return not exchange.path.startswith(NOT_PART) and not tagged


def _emptied_before(exchanges: list[Exchange]) -> set[int]:
    """The exchanges before which the recorder emptied the database: those after the last list that an event broke."""
    return {after.index for before, after in pairwise(exchanges) if before.note == BROKE and after.note != BROKE}
