"""Classification of responses."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
import requests

from prefect_lineage_events.delivery.responses import RefusedError, TransientDeliveryError, classify


def answered(status: int, body: str = "", **headers: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return requests.HTTPError(response=response)


@pytest.mark.parametrize("status", [400, 406, 409, 410, 413, 414, 415, 422])
def test_some_answers_refuse_the_event(status):
    assert isinstance(classify(answered(status)), RefusedError)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 507])
def test_some_answers_ask_for_patience(status):
    told = classify(answered(status))
    assert isinstance(told, TransientDeliveryError)
    assert told.retry_soon
    assert not told.ambiguous


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "api_key_block"),
        (403, "OPENLINEAGE_API_KEY"),
        (404, "OPENLINEAGE_ENDPOINT"),
        (405, "OPENLINEAGE_URL"),
        (302, "https://login"),
        (308, "https://login"),
    ],
)
def test_some_answers_speak_of_the_configuration_and_say_what_to_do(status, advice):
    told = classify(answered(status, Location="https://login.example/"))
    assert isinstance(told, TransientDeliveryError)
    assert not told.retry_soon
    assert advice in str(told)


def test_a_500_may_be_either_ones_fault():
    assert classify(answered(500, "<html>")).ambiguous


def test_a_500_that_says_400_refuses_the_event():
    assert isinstance(classify(answered(500, '{"code": 400}')), RefusedError)


def test_a_500_whose_text_nests_too_deeply_may_be_either_ones_fault():
    assert classify(answered(500, "[" * 200_000)).ambiguous


def test_the_wait_is_told_in_seconds():
    assert classify(answered(429, Retry_After="17")).retry_after == 17


def test_the_wait_is_told_as_a_date():
    soon = format_datetime(dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1), usegmt=True)
    assert 3500 < classify(answered(503, Retry_After=soon)).retry_after <= 3600
    assert classify(answered(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")).retry_after == 0


@pytest.mark.parametrize("text", ["", "soon", "-3", "1e9", "Wed, 21 Oct 2015 07:28:00 +99999999999999999999"])
def test_a_wait_that_is_none_is_left_to_the_backoff(text):
    assert classify(answered(429, Retry_After=text)).retry_after is None


def test_what_broke_on_the_way_is_for_another_try():
    told = classify(requests.ConnectionError("reset by peer"))
    assert isinstance(told, TransientDeliveryError)
    assert told.retry_soon


def test_an_answer_behind_another_error_is_found():
    try:
        try:
            raise answered(422, "blank name")
        except requests.HTTPError as error:
            raise RuntimeError("a transport's own") from error
    except RuntimeError as error:
        assert str(classify(error)) == "HTTP 422: blank name"


def test_a_secret_that_the_target_repeats_is_not_told():
    assert "s3cr3t" not in str(classify(answered(401, "no such bearer s3cr3t"), ["s3cr3t"]))
    assert "s3cr3t" not in str(classify(answered(302, Location="https://x/?t=s3cr3t"), ["s3cr3t"]))
    assert "s3cr3t" not in str(classify(ValueError("Invalid header 's3cr3t\\n'"), ["s3cr3t"]))


def test_what_the_target_says_is_told_in_its_own_words():
    assert str(classify(answered(422, '{"errors": ["job.name \'\' is blank"]}'))).endswith("job.name '' is blank\"]}")
