"""Names of OpenLineage jobs: the namespace of a Prefect instance, and the job of a flow. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

BY_FLOW = "{flow}"
_PLACEHOLDER = re.compile(r"\{(flow|deployment)\}")


def namespace_of(api_url: str) -> str:
    """The OpenLineage job namespace of a Prefect instance: its address, or the workspace on Prefect Cloud.

    Stable when workspaces are renamed.
    """
    parts = urlsplit(api_url)
    path = parts.path.strip("/").split("/")
    if "workspaces" in path:
        workspace = path[path.index("workspaces") + 1 :][:1]
        return "/".join([f"prefect://{parts.hostname}", *workspace])
    return f"prefect://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def names_deployment(template: str) -> bool:
    return "{deployment}" in template


def name_of(flow: str, deployment: str | None, template: str = BY_FLOW) -> str:
    """The name of a flow's job by the template. A run without a deployment is named by its flow alone."""
    if deployment is None:
        return flow
    values = {"flow": flow, "deployment": deployment}
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
