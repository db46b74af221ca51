"""Checks before a command starts: wrong input gives one line, and no failed flow run with a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect_lineage_events.cli.errors import CommandError


def require_api_address() -> None:
    """Raise if no API is configured. Each Prefect process would then start a server of its own, without any runs."""
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise CommandError(
            "PREFECT_API_URL is not set: set it, or `prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )


def require_reachable_api(patiently: bool = False) -> None:
    """Raise if the API does not respond. A flow would try for minutes, and then print a traceback of Prefect's.

    `patiently`: retry as often as Prefect's client does by default.
    """
    from prefect import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from prefect_lineage_events.api_errors import check_version

    tries = {} if patiently else {PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(tries), get_client(sync_client=True) as client:
        check_version(client)


def existing_run(text: str) -> UUID:
    """The id of the run that a text names. Raises ValueError if there is none."""
    from prefect import get_client

    from prefect_lineage_events.graph.run_names import run_id_of
    from prefect_lineage_events.history.runs import read_run

    with get_client(sync_client=True) as client:
        return read_run(client, run_id_of(client, text)).id


def require_targets(names: Sequence[str] | None = None) -> None:
    """Raise if a target cannot be opened."""
    from prefect_lineage_events.delivery.deliver import TransientDeliveryError, open_once
    from prefect_lineage_events.delivery.targets import targets

    for target in targets(names):
        try:
            open_once(target)
        except TransientDeliveryError as error:
            raise CommandError(
                f"target {target}: {error} -> see OPENLINEAGE_URL, or `prefect-lineage doctor`"
            ) from error
