"""Requests to Prefect's API: retries for a busy server, none after a refusal, and the API's clock."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from prefect.exceptions import PrefectHTTPStatusError

from prefect_lineage_events.history import api
from tests.by_hand import NOON
from tests.history.fake_api import Answer, FakeApi


@pytest.fixture
def no_sleep(monkeypatch):
    slept = []
    monkeypatch.setattr(api.time, "sleep", slept.append)
    return slept


@pytest.mark.parametrize("code", [500, 504])
def test_request_to_a_busy_server_is_retried(code, no_sleep):
    fake = FakeApi(NOON)
    fake.failures = [code, code]
    assert api.post(fake, "/task_runs/filter", {"offset": 0, "limit": 1}) == []
    assert len(fake.calls) == 3
    assert no_sleep == sorted(no_sleep)


def test_retries_are_limited(no_sleep):
    fake = FakeApi(NOON)
    fake.failures = [500] * 10
    with pytest.raises(PrefectHTTPStatusError):
        api.post(fake, "/task_runs/filter", {"offset": 0, "limit": 1})
    assert len(fake.calls) == 4


@pytest.mark.parametrize("code", [401, 403, 422])
def test_refusal_is_not_retried(code, no_sleep):
    fake = FakeApi(NOON)
    fake.failures = [code]
    with pytest.raises(PrefectHTTPStatusError):
        api.post(fake, "/task_runs/filter", {"offset": 0, "limit": 1})
    assert len(fake.calls) == 1


def test_missing_object_is_none():
    assert api.get(FakeApi(NOON), "/deployments/1") is None


def test_pages_end_with_a_partial_page():
    fake = FakeApi(NOON)
    fake.tasks = [{"id": n} for n in range(5)]
    assert [len(p) for p in api.pages(fake, "/task_runs/filter", {}, size=2)] == [2, 2, 1]


def time_by(date: dt.datetime | None) -> dt.timedelta:
    """The API's time minus ours after a response with that date."""
    fake = FakeApi(NOON)
    fake.request = lambda *_, **__: Answer([], date)
    api.post(fake, "/flows/filter", {})
    return api.now(fake) - dt.datetime.now(dt.timezone.utc)


@pytest.mark.parametrize("hours", [-2, 2])
def test_now_is_the_clock_of_the_api(hours):
    there = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=hours)
    assert abs(time_by(there) - dt.timedelta(hours=hours)) < dt.timedelta(minutes=10)


def test_own_clock_is_used_without_an_offset():
    for date in (None, dt.datetime.now(dt.timezone.utc)):
        assert abs(time_by(date)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize("value", [None, "", "none", 7, {"id": 1}, "\x00"])
def test_value_that_is_no_id_gives_none(value):
    assert api.id_of(value) is None


def test_id_is_read_from_its_text():
    id_ = uuid4()
    assert api.id_of(str(id_)) == api.id_of(id_) == id_
