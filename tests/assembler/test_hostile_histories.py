"""Hostile events: a run is assembled, lists what cannot be read as missing, and can be stored and sent."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_lineage_events import encoding
from prefect_lineage_events.assembler.pages import run_page
from prefect_lineage_events.delivery.profiles.registry import PROFILES
from prefect_lineage_events.history import event_log
from prefect_lineage_events.history.completeness import judge
from prefect_lineage_events.history.event_log import EventLog
from prefect_lineage_events.history.model import FlowRun, RunHistory
from prefect_lineage_events.openlineage.events import run_events
from prefect_lineage_events.stitching.stitch import stitch
from tests.by_hand import NOON, closing, read, table, write

RUN = FlowRun(UUID(int=1), "busy-bee", UUID(int=2), "nightly", "COMPLETED", started=NOON, ended=NOON)
EMITTER = UUID(int=3)
DATASET = table("mid").model_dump(mode="json")

odd_values = st.sampled_from([
    None, True, -1, 0, 2**63, 10**300, 1e308, float("nan"), float("inf"), "", " ", "\x00", "\ud800", "x" * 5_000,
    "\u202eevil", "a\nb|c`<img src=x>", [], {}, [[]], [None], {"a": {"b": 1}}, "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "1969-01-01", "2200-01-01T00:00:00+14:00", "*", "//", "://", "s3://b/k",
    table("mid").uri, "read", "IDENTITY",
])  # fmt: skip
statement_fields = st.fixed_dictionaries(
    {},
    optional={
        "effect": st.sampled_from(["append", "overwrite", "update", "rename", "swap", "clone"]),
        "rows": st.just(3),
        "executions": st.integers(0, 3),
        "from_program": st.booleans(),
        "if_exists": st.booleans(),
        "renames": st.just([[table("in").uri, table("out").uri]]),
        "parts": st.just(2),
    },
)
event_fields = st.fixed_dictionaries(
    {},
    optional={
        "output": st.just({**DATASET, "temporary": True}),
        "bound_columns": st.just(["id"]),
        "threads": st.just(["1.2"]),
        "task_runs": st.just([str(UUID(int=9))]),
        "result_columns": st.just([{"name": "id"}]),
    },
)


def stored(arguments: dict[str, Any]) -> dict[str, Any]:
    """An event as the API gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(arguments, default=str))
    return {**found, "received": NOON.isoformat()}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of an emitter, with some of its values in disorder."""
    number = draw(st.integers(0, 4))
    names = st.sampled_from(["in", "mid", "out"])
    kind = draw(st.sampled_from(["write", "create", "alter", "drop", "misc", "read", "schema", "closed"]))
    if kind == "closed":
        raw = stored(closing(EMITTER, number).to_prefect())
    else:
        sources = draw(st.lists(names, max_size=2))
        made = write(draw(names), *sources, emitter=EMITTER, sequence=number) if kind != "read" else read("in")
        raw = stored(made.to_prefect())
        raw["event"] = f"lineage.{kind}"
        raw["payload"].update({"datasets": [DATASET]} if kind == "schema" else draw(event_fields))
        raw["payload"].setdefault("statement", {}).update(draw(statement_fields))
    raw["payload"] = deepcopy(raw["payload"])
    for _ in range(draw(st.integers(0, 3))):
        disorder(draw, raw["payload"])
    return raw


def disorder(draw: st.DrawFn, payload: Any) -> None:
    """Put an odd value in the place of one, at any depth."""
    while True:
        places = list(payload) if isinstance(payload, dict) else range(len(payload))
        if not places:
            return
        place = draw(st.sampled_from(places))
        inner = payload[place]
        if not (isinstance(inner, dict | list) and draw(st.booleans())):
            payload[place] = deepcopy(draw(odd_values))
            return
        payload = inner


@settings(max_examples=300)
@given(st.lists(events(), min_size=1, max_size=5))
def test_hostile_events_do_not_stop_the_assembler(raw_events: list[dict[str, Any]]) -> None:
    log = EventLog()
    for raw in raw_events:
        event_log._add(log, raw, RUN.id)
    event_log._sort(log)
    numbered = [*log.lineage, *log.schemas]
    completeness = judge(numbered, log.counts, run_ended=NOON, silent=True, rejected=log.rejected)
    assert len(numbered) + len(log.counts) + len(log.rejected) == len(raw_events)
    history = RunHistory(RUN, tuple(log.lineage), tuple(log.schemas), completeness=completeness)
    lineage = stitch(history, infer_columns=True)
    encoding.text(run_page.markdown(lineage)).encode()
    for granularity in ("flow", "task"):
        made = run_events(lineage, namespace="prefect://acme", granularity=granularity)  # type: ignore[arg-type]
        for shaped in (profile.shape(made) for profile in PROFILES.values()):
            json.dumps([encoding.json_value(event) for event in shaped], allow_nan=False).encode()
