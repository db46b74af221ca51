"""The things that a reader has before a page's shell blocks: one row a page. All else comes from the page itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from pydantic import SecretStr

# A container pool, as far as a deployment with an image needs one.
_TEMPLATE = {
    "job_configuration": {"image": "{{ image }}"},
    "variables": {"type": "object", "properties": {"image": {"type": "string"}}},
}


@dataclass(frozen=True)
class Preparation:
    """Files by name, things on the server by name, and lines that a reader runs before a line of the page.

    A key of `before` is the beginning of that line. `jobs` are the jobs that the page's target has at the end.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    webhooks: Sequence[str] = ()
    pools: Sequence[str] = ()
    deployments: Sequence[tuple[str, str]] = ()
    before: Mapping[str, Sequence[str]] = field(default_factory=dict)
    jobs: frozenset[str] = frozenset()


_FLOW = dedent("""\
    import sqlite3

    from prefect import flow


    @flow
    def my_flow():
        with sqlite3.connect("my.db") as db:
            db.execute("CREATE TABLE IF NOT EXISTS orders (amount int)")
            db.execute("CREATE TABLE IF NOT EXISTS sales (amount int)")
            db.execute("INSERT INTO sales SELECT sum(amount) FROM orders")


    my_flow()
    """)
_FLOW_FILE = {"my_flow.py": _FLOW}
_RUN_WITH_LINEAGE = "PREFECT_PLUGINS_ENABLED=true PREFECT_INTEGRATIONS_LINEAGE_EVENTS_INSTRUMENT=true python my_flow.py"
_MARQUEZ = """\
transport:
  type: composite
  transports:
    marquez: {type: http, url: "http://marquez:5000"}
"""

PREPARED = {
    "README.md": Preparation(),
    "docs/archive.md": Preparation(
        files=_FLOW_FILE,
        before={
            "prefect-lineage replay": (
                _RUN_WITH_LINEAGE,
                "PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ARCHIVE=/data/lineage prefect-lineage assemble my-flow",
            )
        },
        jobs=frozenset({"my-flow"}),
    ),
    "docs/automations.md": Preparation(webhooks=("ops",), deployments=(("report", "nightly"),)),
    "docs/backfill.md": Preparation(
        files={**_FLOW_FILE, "openlineage.yml": _MARQUEZ},
        before={
            "prefect-lineage backfill": (
                _RUN_WITH_LINEAGE,
                "sleep 1; until prefect-lineage show my-flow; do sleep 3; done",  # until its events are stored
            )
        },
        jobs=frozenset({"my-flow"}),
    ),
    "docs/how-to/cloud.md": Preparation(secrets=("lineage-key",), pools=("my-pool",)),
    "docs/how-to/datahub.md": Preparation(secrets=("datahub-token",)),
    "docs/how-to/existing-flows.md": Preparation(
        files=_FLOW_FILE, before={"prefect-lineage show": ("python my_flow.py",)}
    ),
    "docs/how-to/openmetadata.md": Preparation(secrets=("openmetadata-token",)),
    "docs/how-to/server.md": Preparation(files=_FLOW_FILE, pools=("containers",)),
    "docs/tutorial.md": Preparation(
        before={"prefect-lineage upstream": ("until test -s ~/.prefect/openlineage.jsonl; do sleep 1; done",)},
        jobs=frozenset({"nightly"}),
    ),
}


def put_on_server(row: Preparation, client: SyncPrefectClient) -> None:
    """Make a row's blocks, work pools and deployments, unless they exist."""
    for name in row.secrets:
        Secret[Any](value=SecretStr("a key")).save(name, overwrite=True)
    for name in row.webhooks:
        SlackWebhook(url=SecretStr("https://hooks.slack.com/services/T/B/X")).save(name, overwrite=True)
    for name in row.pools:
        client.create_work_pool(WorkPoolCreate(name=name, type="docker", base_job_template=_TEMPLATE), overwrite=True)
    for flow, deployment in row.deployments:
        client.create_deployment(client.create_flow_from_name(flow), deployment)
