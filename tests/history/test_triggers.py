"""The run whose event made an automation start another one."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.history.runs import read_run
from prefect_lineage_events.openlineage.dependencies import automation
from tests.by_hand import NOON
from tests.history.fake_api import Answer, FakeApi, http_error, raw_run


class Started:
    """A run that an automation started, with the events that led to it."""

    def __init__(self, trigger: str = "prefect.flow-run.Completed", **of_event):
        self.api = FakeApi(NOON)
        self.upstream = self._run("load")
        self.run = self._run("report", created=NOON.isoformat(), created_by={"type": "AUTOMATION", "id": str(uuid4())})
        resource = f"prefect.flow-run.{self.upstream['id']}"
        event = {"event": trigger, "resource": {"prefect.resource.id": resource}, "related": [], **of_event}
        self.events = {
            "action": {
                "event": "prefect.automation.action.executed",
                "resource": {"prefect.resource.id": "prefect.automation.1"},
                "related": [
                    {"prefect.resource.id": f"prefect.flow-run.{self.run['id']}", "prefect.resource.role": "flow-run"},
                    {"prefect.resource.id": "prefect.event.cause", "prefect.resource.role": "triggering-event"},
                ],
            },
            "cause": event,
        }
        self.asked = []
        self.answer = self.api.request
        self.api.request = self._request

    def _run(self, name, **more):
        raw = {**raw_run(NOON), **more}
        self.api.runs.append(raw)
        self.api.flows[raw["flow_id"]] = name
        return raw

    def _request(self, method, path, json=None, **more):
        if path != "/events/filter":
            return self.answer(method, path, json=json, **more)
        self.asked.append(json["filter"])
        wanted = "cause" if json["filter"].get("id") == {"id": ["cause"]} else "action"
        return Answer({"events": [self.events[wanted]] if wanted in self.events else []})

    def read(self):
        return read_run(self.api, UUID(self.run["id"])).trigger


def test_the_run_that_completed_is_the_trigger():
    started = Started()
    trigger = started.read()
    assert (trigger.event, trigger.runs[0].flow_name) == ("prefect.flow-run.Completed", "load")
    assert str(trigger.runs[0].flow_run_id) == started.upstream["id"]
    assert started.asked[0]["related"]["id"] == [f"prefect.flow-run.{started.run['id']}"]
    assert all("since" in asked["occurred"] for asked in started.asked)


def test_the_run_that_wrote_the_table_is_the_trigger_and_not_the_assembler():
    started = Started("lineage.table-written")
    started.events["cause"].update(
        resource={"prefect.resource.id": "postgres://db/shop/t"},
        related=[{"prefect.resource.id": f"prefect.flow-run.{uuid4()}", "prefect.resource.role": "flow-run"}],
        payload={"flow_run_id": started.upstream["id"]},
    )
    assert started.read().runs[0].flow_name == "load"


def test_the_run_that_emitted_an_event_of_its_own_is_the_trigger():
    started = Started("orders.loaded")
    started.events["cause"].update(
        resource={"prefect.resource.id": "orders"},
        related=[
            {"prefect.resource.id": f"prefect.flow-run.{started.upstream['id']}", "prefect.resource.role": "flow-run"}
        ],
    )
    assert started.read().runs[0].flow_name == "load"


@pytest.mark.parametrize("missing", ["action", "cause"])
def test_a_trigger_that_the_history_lacks_is_not_known(missing):
    started = Started()
    del started.events[missing]
    assert started.read() is None


@pytest.mark.parametrize(
    "cause",
    [
        {"resource": {"prefect.resource.id": "webhook"}},
        {"resource": {"prefect.resource.id": "prefect.flow-run.no-uuid"}},
        {"resource": {}},
        {"resource": None, "related": None},
    ],
)
def test_an_event_of_no_run_is_no_trigger(cause):
    assert Started(**cause).read() is None


def test_an_event_of_the_assembler_about_no_run_is_no_trigger():
    started = Started("lineage.incomplete")
    started.events["cause"].update(
        resource={"prefect.resource.id": "x"},
        related=[
            {"prefect.resource.id": f"prefect.flow-run.{started.upstream['id']}", "prefect.resource.role": "flow-run"}
        ],
    )
    assert started.read() is None


def test_runs_that_no_automation_started_cost_no_request():
    started = Started()
    started.run["created_by"] = None
    assert started.read() is None
    assert started.asked == []


def test_a_history_that_refuses_the_question_leaves_the_trigger_unknown():
    started = Started()

    def refuse(method, path, json=None, **more):
        if path == "/events/filter":
            raise http_error(403)
        return started.answer(method, path, json=json, **more)

    started.api.request = refuse
    assert started.read() is None


@pytest.mark.parametrize(
    ("event", "rules"),
    [
        ("prefect.flow-run.Completed", ("FINISH_TO_START", "EXECUTE_ON_SUCCESS")),
        ("lineage.table-written", ("FINISH_TO_START", "EXECUTE_ON_SUCCESS")),
        ("prefect.flow-run.Crashed", ("FINISH_TO_START", "EXECUTE_ON_FAILURE")),
        ("prefect.flow-run.Cancelled", ("FINISH_TO_START", None)),
        ("prefect.flow-run.Running", (None, None)),
        ("orders.loaded", (None, None)),
    ],
)
def test_the_event_states_what_the_run_waited_for(event, rules):
    trigger = Started(event).read()
    found = automation("n", "load", trigger)
    assert (found.get("sequence_trigger_rule"), found.get("status_trigger_rule")) == rules
    assert found["dependency_type"] == "IMPLICIT_DEPENDENCY"
