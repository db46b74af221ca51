"""`prefect-lineage doctor`: what is set up, what is not, and what to do about it. Changes nothing."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from prefect import get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from prefect_lineage_events import deploy
from prefect_lineage_events.assembler import sweep_state
from prefect_lineage_events.history.runs import unended_runs
from prefect_lineage_events.openlineage.targets import Target, targets
from prefect_lineage_events.settings import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# A sweep that is this late is not late but gone.
SWEEP_OVERDUE = dt.timedelta(minutes=30)
STALE = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: is it well, what was seen, and what to do if it is not."""

    ok: bool
    what: str
    seen: str
    advice: str = ""

    def __str__(self) -> str:
        mark = "ok " if self.ok else "NOT"
        return f"{mark}  {self.what}: {self.seen}" + (f"\n     {self.advice}" if self.advice else "")


def examine() -> list[Finding]:
    """All findings; when no Prefect API answers, only what can be said without it."""
    findings = [*_targets(), _capture()]
    try:
        with get_client(sync_client=True) as client:
            return [_api(client), *findings, *_on_the_api(client)]
    except (httpx.HTTPError, OSError) as error:
        return [_no_api(error), *findings]


def _api(client: SyncPrefectClient) -> Finding:
    version = client.api_version()
    if not PREFECT_API_URL.value():
        return Finding(
            False,
            "Prefect API",
            "PREFECT_API_URL is not set: each process starts a server of its own, and its events die with it",
            "set PREFECT_API_URL, or `prefect config set PREFECT_API_URL=...`",
        )
    return Finding(True, "Prefect API", f"{client.api_url}, version {version}")


def _no_api(error: Exception) -> Finding:
    seen = f"no answer at {PREFECT_API_URL.value()} ({error})"
    return Finding(False, "Prefect API", seen, "start the server, or set PREFECT_API_URL")


def _capture() -> Finding:
    if not settings().enabled:
        advice = "unset PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED"
        return Finding(False, "capture", "switched off in this environment", advice)
    plugins = os.environ.get("PREFECT_PLUGINS_ENABLED", "").lower() in ("1", "true")
    if settings().instrument and not plugins:
        seen = "the setting `instrument` is on, but Prefect does not load plugins"
        return Finding(False, "capture", seen, "set PREFECT_PLUGINS_ENABLED=true")
    plain = "of plain connectors too" if settings().instrument else "of lineage blocks; plain connectors are left alone"
    return Finding(True, "capture", f"on, {plain}")


def _targets() -> list[Finding]:
    try:
        return [_target(to) for to in targets()]
    except Exception as error:  # noqa: BLE001  (the client's configuration is the user's: any mistake is a finding)
        advice = "see OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__* and openlineage.yml"
        return [Finding(False, "lineage target", f"its configuration cannot be read: {error}", advice)]


def _target(to: Target) -> Finding:
    parts = urlsplit(to.address or "")
    if parts.hostname:
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname, port), timeout=5).close()
        except OSError as error:
            advice = "start it, or set OPENLINEAGE_URL; what is not delivered waits for the sweep"
            return Finding(False, "lineage target", f"{to} cannot be reached ({error})", advice)
    return Finding(True, "lineage target", f"{to} (profile {to.profile})")


def _on_the_api(client: SyncPrefectClient) -> Iterator[Finding]:
    checks: list[Callable[[SyncPrefectClient], Finding]] = [_blocks, _deployments, _automation, _sweep, _stale]
    for check in checks:
        try:
            yield check(client)
        except PrefectHTTPStatusError as error:
            seen = f"the API answered {error.response.status_code}"
            yield Finding(False, check.__name__.strip("_"), seen, "may this key read it?")


def _blocks(client: SyncPrefectClient) -> Finding:
    missing = []
    for slug in ("snowflake-lineage", "sqlalchemy-lineage", "async-sqlalchemy-lineage"):
        try:
            client.read_block_type_by_slug(slug)
        except ObjectNotFound:
            missing.append(slug)
    if len(missing) == 3:
        return Finding(False, "blocks", "none is registered", "run `prefect-lineage register`")
    seen = "registered" + (f" (but {', '.join(missing)})" if missing else "")
    return Finding(True, "blocks", seen)


def _deployments(client: SyncPrefectClient) -> Finding:
    states = {}
    for name in (deploy.ASSEMBLER, deploy.SWEEPER):
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            return Finding(False, "deployments", f"{name} is missing", "run `prefect-lineage deploy`")
        states[name] = (str(getattr(deployment.status, "value", deployment.status)), deployment.work_pool_name)
    if idle := [name for name, (status, _) in states.items() if status != "READY"]:
        pool = next(iter(states.values()))[1]
        start = f"`prefect worker start --pool {pool}`" if pool else "`prefect-lineage serve`"
        return Finding(False, "deployments", f"nobody runs {', '.join(idle)}", f"start {start}")
    return Finding(True, "deployments", "ready")


def _automation(client: SyncPrefectClient) -> Finding:
    found = client.read_automations_by_name(deploy.AUTOMATION)
    if not found:
        advice = "run `prefect-lineage deploy`; until then the sweep does it all"
        return Finding(False, "automation", "missing", advice)
    if len(found) > 1:
        return Finding(False, "automation", f"there are {len(found)} of it", "run `prefect-lineage deploy`")
    if not found[0].enabled:
        return Finding(False, "automation", "disabled", f"run `prefect automation resume {deploy.AUTOMATION}`")
    return Finding(True, "automation", "enabled")


def _sweep(client: SyncPrefectClient) -> Finding:
    state = sweep_state.read(client)
    if state.swept is None:
        return Finding(False, "sweep", "never ran", "start the assembler, or run `prefect-lineage sweep`")
    ago = dt.datetime.now(dt.timezone.utc) - state.swept
    minutes = f"{ago.total_seconds() / 60:.0f} minutes ago"
    if ago > SWEEP_OVERDUE:
        return Finding(False, "sweep", f"last ran {minutes}", "is the assembler running? see `deployments`")
    if not state.waiting:
        return Finding(True, "sweep", f"last ran {minutes}, nothing waits")
    first = state.waiting[0]
    seen = f"{len(state.waiting)} runs wait, such as {first.flow_run_id} ({first.flow_name}): {first.reason}"
    return Finding(False, "sweep", seen, f"see the artifact {sweep_state.KEY!r}")


def _stale(client: SyncPrefectClient) -> Finding:
    runs = unended_runs(client, dt.datetime.now(dt.timezone.utc) - STALE)
    if not runs:
        return Finding(True, "runs in flight", "none older than a day")
    seen = f"{len(runs)} have been running for over a day, such as {runs[0].id} ({runs[0].flow_name})"
    return Finding(True, "runs in flight", seen, "killed ones are assembled when Prefect is told that they ended")
