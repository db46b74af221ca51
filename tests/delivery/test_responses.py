"""Classification of responses."""

from __future__ import annotations

import datetime as dt
import socket
from email.utils import format_datetime

import pytest
import requests

from prefect_lineage_events.delivery.responses import RefusedError, TransientDeliveryError, classify
from prefect_lineage_events.openlineage.errors import without_credentials


def answered(status: int, body: str = "", **headers: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return requests.HTTPError(response=response)


@pytest.mark.parametrize("status", [400, 406, 409, 410, 413, 414, 415, 422])
def test_statuses_that_refuse_the_event(status):
    assert isinstance(classify(answered(status)), RefusedError)


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 507])
def test_statuses_that_are_transient(status):
    reported = classify(answered(status))
    assert isinstance(reported, TransientDeliveryError)
    assert reported.retry_soon
    assert not reported.ambiguous


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
def test_statuses_of_a_wrong_configuration_have_advice(status, advice):
    reported = classify(answered(status, Location="https://login.example/"))
    assert isinstance(reported, TransientDeliveryError)
    assert not reported.retry_soon
    assert advice in str(reported)
    assert without_credentials(str(reported)) == str(reported)


def test_500_is_ambiguous():
    assert classify(answered(500, "<html>")).ambiguous


def test_500_with_code_400_refuses_the_event():
    assert isinstance(classify(answered(500, '{"code": 400}')), RefusedError)


def test_500_with_deeply_nested_json_is_ambiguous():
    assert classify(answered(500, "[" * 200_000)).ambiguous


def test_retry_after_in_seconds():
    assert classify(answered(429, Retry_After="17")).retry_after == 17


def test_retry_after_as_a_date():
    soon = format_datetime(dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1), usegmt=True)
    assert 3500 < classify(answered(503, Retry_After=soon)).retry_after <= 3600
    assert classify(answered(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")).retry_after == 0


@pytest.mark.parametrize("text", ["", "soon", "-3", "1e9", "Wed, 21 Oct 2015 07:28:00 +99999999999999999999"])
def test_invalid_retry_after_is_ignored(text):
    assert classify(answered(429, Retry_After=text)).retry_after is None


def test_broken_connection_is_transient():
    reported = classify(requests.ConnectionError("reset by peer"))
    assert isinstance(reported, TransientDeliveryError)
    assert reported.retry_soon


def test_connection_that_is_refused_is_said_in_few_words():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(requests.ConnectionError) as caught:
            requests.post(f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1/lineage", timeout=5)
    assert str(classify(caught.value)) == "ConnectionError: Connection refused"


def test_response_of_a_wrapped_error_is_found():
    try:
        try:
            raise answered(422, "blank name")
        except requests.HTTPError as error:
            raise RuntimeError("a transport's own") from error
    except RuntimeError as error:
        assert str(classify(error)) == "HTTP 422: blank name"


def test_secret_repeated_by_the_target_is_hidden():
    assert "s3cr3t" not in str(classify(answered(401, "no such bearer s3cr3t"), ["s3cr3t"]))
    assert "s3cr3t" not in str(classify(answered(302, Location="https://x/?t=s3cr3t"), ["s3cr3t"]))
    assert "s3cr3t" not in str(classify(ValueError("Invalid header 's3cr3t\\n'"), ["s3cr3t"]))


@pytest.mark.parametrize("before", range(460, 501, 5))
def test_credentials_at_the_end_of_what_is_shown_of_a_response_are_hidden(before):
    text = f"{'x ' * (before // 2)}postgres://etl:s3cr3t@db/shop is no name"
    assert "s3" not in str(classify(answered(422, text)))


@pytest.mark.parametrize("of_a_response", [True, False])
def test_secret_of_the_target_at_the_end_of_what_is_shown_is_hidden(of_a_response):
    for before in range(480 if of_a_response else 1_980, 501 if of_a_response else 2_001, 2):
        text = f"{'x ' * (before // 2)}s3cr3t-of-the-target is no key"
        error = answered(422, text) if of_a_response else ValueError(text)
        assert "s3" not in str(classify(error, ["s3cr3t-of-the-target"]))


def test_reason_has_the_text_of_the_response():
    assert str(classify(answered(422, '{"errors": ["job.name \'\' is blank"]}'))).endswith("job.name '' is blank\"]}")
