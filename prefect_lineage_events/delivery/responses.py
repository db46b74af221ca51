"""Classification of failed deliveries: the event is refused, the target cannot take it now, or is misconfigured."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

from prefect_lineage_events.credentials import without_credentials

# Statuses with which a target refuses an event for good.
_REFUSING = frozenset({400, 406, 409, 410, 411, 413, 414, 415, 422})
# Statuses of a wrong configuration: no event gets through, and waiting does not help.
_CREDENTIALS = "it does not accept our key, see OPENLINEAGE_API_KEY and the settings `api_key`, `api_key_block`"
_ADDRESS = "no server accepts events at this address: see OPENLINEAGE_URL and OPENLINEAGE_ENDPOINT"
_ADVICE = {401: _CREDENTIALS, 403: _CREDENTIALS, 407: _CREDENTIALS, 404: _ADDRESS, 405: _ADDRESS, 501: _ADDRESS}
# 301-303 turn the POST into a GET, so a 2xx after them does not mean delivery.
LOSING_REDIRECTS = frozenset({301, 302, 303})
_PAGE = (
    "this address responds with a web page, perhaps of a proxy or a login: see OPENLINEAGE_URL and the proxy settings"
)
_MAX_CAUSES = 20
_MAX_SHOWN = 500
# A response of several parts (RFC 4918, 13; OpenLineage's batches): the fields with parts, and those of failures.
_MULTI_STATUS = 207
_PARTS = ("summary", "results", "responses", "items")
_FAILURES = ("error", "errors", "failed", "failed_events", "failures")


class TransientDeliveryError(Exception):
    """The target could not take an event now (5xx, 429, network, wrong credentials): the event is kept for another try.

    `retry_after`: seconds the target asked for. `retry_soon`: a try within the minute may help. `ambiguous`: the
    response was a 500, which may be the fault of the event or of the target.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, retry_soon: bool = True, ambiguous: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.retry_soon = retry_soon
        self.ambiguous = ambiguous


class RefusedError(Exception):
    """The target will never take this event; the message is its reason."""


class NoResponseError(Exception):
    """The target did not respond in time."""


def is_taken(response: Any) -> bool:
    """Return whether the response means that the target has the event; not if it is a proxy's page or a part failed."""
    if not 200 <= response.status_code < 300:
        return False
    return not _is_page(response) and not (response.status_code == _MULTI_STATUS and _names_failures(response))


def classify(error: BaseException, secrets: Iterable[str] = ()) -> RefusedError | TransientDeliveryError:
    """Classify an error of a transport. The text of the result holds none of the `secrets`."""
    response = _response(error)
    secrets = tuple(secrets)
    reason = _reason(error, response, secrets)
    if response is None:
        late = isinstance(error, NoResponseError)
        return (
            RefusedError(reason) if _too_large_for_kafka(error) else TransientDeliveryError(reason, retry_soon=not late)
        )
    status = response.status_code
    unparsable = status == 500 and _unparsable(response)
    if status in _REFUSING or unparsable or (status == _MULTI_STATUS and _names_failures(response)):
        return RefusedError(reason)
    if advice := _advice(response, secrets):
        return TransientDeliveryError(f"{reason} ({advice})", retry_soon=False)
    return TransientDeliveryError(reason, retry_after=_retry_after(response), ambiguous=status == 500)


def configuration_error(error: BaseException, secrets: Iterable[str]) -> TransientDeliveryError:
    """An error raised before anything was sent: no event gets through until the configuration is mended."""
    return TransientDeliveryError(f"it cannot be opened: {_named(error, secrets)}", retry_soon=False)


def _response(error: BaseException) -> Any:
    """The HTTP response that caused an error; transports wrap it."""
    found: BaseException | None = error
    while found is not None:
        response = getattr(found, "response", None)
        if response is not None:
            return response
        found = found.__cause__
    return None


def _reason(error: BaseException, response: Any, secrets: Iterable[str]) -> str:
    if response is not None:
        text = without_credentials(without(secrets, _text(response)), _MAX_SHOWN)
        return f"HTTP {response.status_code}" + (f": {text}" if text else "")
    return _named(error, secrets)


def _text(response: Any) -> str:
    try:
        return str(response.text)
    except Exception:  # noqa: BLE001  (the connection may break within the response)
        return "(its response was truncated)"


def _named(error: BaseException, secrets: Iterable[str]) -> str:
    return without_credentials(without(secrets, f"{type(error).__name__}: {_of_the_system(error) or error}"))


def _of_the_system(error: BaseException) -> str:
    """The operating system's reason for an error of a client, whose text wraps it in those of each of its layers."""
    found: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        found = found and (found.__cause__ or found.__context__)
        if isinstance(found, OSError) and found.errno and found.strerror:
            return found.strerror
    return ""


def without(secrets: Iterable[str], text: str) -> str:
    """The text with `***` for each of the secrets. It must not be cut before: half of a secret is not found."""
    for secret in secrets:
        # Verbatim, and as Python quotes it: a line break is then two characters.
        text = text.replace(secret, "***").replace(repr(secret)[1:-1], "***")
    return text


def _unparsable(response: Any) -> bool:
    """Return whether it is Marquez's 500 with `{"code": 400, ...}` for an event it cannot parse: no retry helps."""
    content = content_of(response)
    return isinstance(content, dict) and content.get("code") == 400


def _names_failures(response: Any) -> bool:
    """Return whether a response of several parts names a failed one, by a status, a list of errors, or their number."""
    content = content_of(response)
    parts = content if isinstance(content, list) else [content]
    inner = [part.get(name) for part in parts if isinstance(part, dict) for name in _PARTS]
    return any(map(_failed, [*parts, *chain.from_iterable(one if isinstance(one, list) else [one] for one in inner)]))


def _failed(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    statuses = [part.get(name) for name in ("status", "statusCode", "code")]
    return any(isinstance(one, int) and one >= 400 for one in statuses) or any(map(part.get, _FAILURES))


def _is_page(response: Any) -> bool:
    """Return whether it is an HTML page: lineage backends send none, but some send the text `ok` as HTML."""
    html = "html" in response.headers.get("Content-Type", "").lower()
    return html and _text(response).lstrip("\ufeff \t\r\n").startswith("<")


def content_of(response: Any) -> Any:
    """The JSON of a response; None for other responses."""
    try:
        return response.json()
    except Exception:  # noqa: BLE001  (no JSON, too deep, or a broken connection)
        return None


def _advice(response: Any, secrets: Iterable[str]) -> str | None:
    if 200 <= response.status_code < 300:
        return _PAGE
    if 300 <= response.status_code < 400:
        to = response.headers.get("Location")
        shown = without_credentials(without(secrets, to)) if to else None
        return f"it redirects to {shown}: if that is no login, set it as its address" if shown else _ADDRESS
    return _ADVICE.get(response.status_code)


def _too_large_for_kafka(error: BaseException) -> bool:
    """Return whether it is librdkafka's error of this name; few have that library, so it is not imported."""
    kafka_error = error.args[0] if error.args else None
    name = getattr(kafka_error, "name", None)
    return callable(name) and name() == "MSG_SIZE_TOO_LARGE"


def _retry_after(response: Any) -> float | None:
    """Seconds to wait by the Retry-After header (RFC 9110, 10.2.3: seconds, or a date)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        until = until if until.tzinfo else until.replace(tzinfo=dt.timezone.utc)
        return max(0.0, (until - dt.datetime.now(dt.timezone.utc)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
