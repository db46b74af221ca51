"""`prefect-lineage doctor`: findings about the installation, with their remedies. Changes nothing."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from prefect import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from prefect_lineage_events.api_errors import UnusableApiError, address_advice, advice, answered, check_version
from prefect_lineage_events.assembler import archive
from prefect_lineage_events.assembler.file_store import ArchiveError
from prefect_lineage_events.assembler.witness import warehouse
from prefect_lineage_events.delivery.configuration import is_configured
from prefect_lineage_events.delivery.deliver import TransientDeliveryError, open_once
from prefect_lineage_events.delivery.targets import Target, targets
from prefect_lineage_events.emission.not_captured import named_in_each_run
from prefect_lineage_events.finding import Finding
from prefect_lineage_events.health import CHECKS
from prefect_lineage_events.instrumentation.libraries import LIBRARIES
from prefect_lineage_events.instrumentation.uncovered import UNCOVERED
from prefect_lineage_events.settings import settings, unknown_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_CONFIGURATION = "see OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__* and openlineage.yml"
_READ_ONLY = "where assemblers run, let them write to it; a machine that only asks needs no more"


def examine() -> list[Finding]:
    """All findings; without a reachable Prefect API, only those that do not need it."""
    return [*_prefect(), *_targets(), *_stores(), *_settings(), _capture(), *_libraries()]


def _prefect() -> Iterator[Finding]:
    url = PREFECT_API_URL.value()
    if not url:
        observed = (
            "PREFECT_API_URL is not set: each process starts a server of its own, and its events are lost at its end"
        )
        yield Finding(False, "Prefect API", observed, "`prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`")
        return
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            yield (finding := _api(client))
            if finding.ok:
                yield from _on_the_api(client)
    except PrefectHTTPStatusError as error:
        yield _refused("Prefect API", error)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # A page of a proxy, or JSON of another shape.
        observed = f"{url} does not respond as a Prefect API ({type(error).__name__}: {error})"
        yield Finding(False, "Prefect API", observed, address_advice(url))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        observed = f"no response at {url} ({error})"
        yield Finding(False, "Prefect API", observed, "start the server, or set PREFECT_API_URL")


def _api(client: SyncPrefectClient) -> Finding:
    try:
        return Finding(True, "Prefect API", f"{client.api_url}, {check_version(client)}")
    except UnusableApiError as error:
        observed, _, advice = str(error).partition(" -> ")
        return Finding(False, "Prefect API", observed, advice)


def _on_the_api(client: SyncPrefectClient) -> Iterator[Finding]:
    for subject, check in CHECKS.items():
        try:
            found = check(client)
            yield from found if isinstance(found, tuple) else (found,)
        except PrefectHTTPStatusError as error:
            yield _refused(subject, error)
        except (LookupError, TypeError, AttributeError) as error:
            observed = f"the response of the API is not as expected ({type(error).__name__}: {error})"
            yield Finding(False, subject, observed, "check that the server is of version 3.8 or newer")


def _refused(subject: str, error: PrefectHTTPStatusError) -> Finding:
    return Finding(False, subject, f"the API responded {answered(error)}", advice(error))


def _settings() -> list[Finding]:
    """Findings for misspelled settings, which have no effect."""
    return [Finding(False, "settings", unknown, "see docs/settings.md") for unknown in unknown_settings()]


def _capture() -> Finding:
    if not settings().enabled:
        advice = "unset PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED"
        return Finding(False, "capture", "switched off in this environment", advice)
    plugins = os.environ.get("PREFECT_PLUGINS_ENABLED", "").lower() in ("1", "true")
    if settings().instrument and not plugins:
        observed = "the setting `instrument` is on, but Prefect does not load plugins"
        return Finding(False, "capture", observed, "set PREFECT_PLUGINS_ENABLED=true")
    families = settings().instrument
    captured = f"families {', '.join(families)}" if families else "for lineage blocks; other libraries are not captured"
    return Finding(True, "capture", f"on, {captured}")


def _libraries() -> Iterator[Finding]:
    """The installed libraries whose calls are captured, those of families that are off, and those of no family."""
    chosen = settings().instrument
    installed = {distribution.name.lower().replace("_", "-") for distribution in distributions() if distribution.name}

    def there(packages: Iterable[str]) -> str:
        known = installed | sys.stdlib_module_names
        return ", ".join(sorted({p for p in packages if p.lower().replace("_", "-") in known}))

    if on := there(library.package for library in LIBRARIES if library.family in chosen):
        yield Finding(True, "captured libraries", on)
    if off := there(library.package for library in LIBRARIES if library.family not in chosen):
        advice = "set PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT=true, or call instrument()"
        yield Finding(True, "libraries not captured here", off, advice)
    if uncovered := there(library.package for library in UNCOVERED):
        advice = "record their reads and writes (docs/capture.md); a run that uses them says so"
        yield Finding(True, "libraries of no family", uncovered, advice)
    if failed := ", ".join(named_in_each_run()):
        advice = "install a version that the tests use (constraints.txt), or record its reads and writes"
        yield Finding(False, "libraries whose patch failed here", failed, advice)


def _targets() -> list[Finding]:
    try:
        return [_target(to) for to in targets()]
    except Exception as error:  # noqa: BLE001  (the client's configuration is the user's: any mistake is a finding)
        return [Finding(False, "lineage target", f"its configuration cannot be read: {error}", _CONFIGURATION)]


def _stores() -> Iterator[Finding]:
    """Findings on the archive and on the block of the warehouse, where the settings of this process name them."""
    try:
        if archive.is_written() and (opened := archive.archive()) is not None:
            opened.check()
            if opened.may_be_written():
                yield Finding(True, "archive", opened.name)
            else:
                observed = f"{opened.name}: it can be read; this user may not write to it"
                yield Finding(True, "archive", observed, _READ_ONLY, doubtful=True)
        elif (files := archive.event_files()) is not None:
            files.check()
            yield Finding(True, "archive", f"{files.name}: files of events, which are only read")
    except ArchiveError as error:
        advice = "mend it, or the setting `archive`; then `prefect-lineage backfill` adds the runs that it lacks"
        yield Finding(False, "archive", str(error), advice)
    if (block := settings().warehouse_block) is not None and PREFECT_API_URL.value():
        try:
            with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                warehouse.check_block(block)
            yield Finding(True, "access history", f"by block {block!r}")
        except warehouse.WarehouseAwayError as error:
            yield Finding(False, "access history", str(error), "runs await it for three days, then are given up")


def _target(to: Target) -> Finding:
    parts = urlsplit(to.address or "")
    try:
        open_once(to)
    except TransientDeliveryError as error:
        return Finding(False, "lineage target", f"{to}: {error}", _CONFIGURATION)
    if to.endpoint.get("log_file_path") and not is_configured():
        observed = f"{to}, since none is configured in this environment"
        return Finding(True, "lineage target", observed, "to have lineage in a backend, set OPENLINEAGE_URL", True)
    if parts.hostname:
        if (parts.hostname, parts.port) == _prefect_host_and_port():
            advice = "set OPENLINEAGE_URL to the address of a lineage backend, such as http://marquez:5000"
            return Finding(False, "lineage target", f"{to} is the Prefect API itself", advice)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname, port), timeout=5).close()
        except OSError as error:
            advice = "start it, or set OPENLINEAGE_URL; the sweep delivers the events later"
            return Finding(False, "lineage target", f"{to} cannot be reached ({error})", advice)
    return Finding(True, "lineage target", f"{to} (profile {to.profile})")


def _prefect_host_and_port() -> tuple[str | None, int | None]:
    parts = urlsplit(PREFECT_API_URL.value() or "")
    return parts.hostname, parts.port
