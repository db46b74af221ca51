"""Variables of a child process by which its own OpenLineage integration finds the run that started it.

`OPENLINEAGE_CONTEXT` is read by dbt-ol since OpenLineage 1.54, `OPENLINEAGE_PARENT_ID` and `OPENLINEAGE_ROOT_PARENT_ID`
by earlier versions; these three parts are separated by slashes, so only the first is set where a job's name or
namespace has one, as the default namespace (`prefect://host:port`).
Spark's integration reads properties: `spark-submit` takes them from `SPARK_SUBMIT_OPTS` in client mode.
https://openlineage.io/docs/integrations/dbt and https://openlineage.io/docs/integrations/spark/configuration/usage
"""

from __future__ import annotations

import json
import os
from contextvars import Token
from typing import Any, NamedTuple

from prefect.context import FlowRunContext
from prefect.settings import get_current_settings

from prefect_lineage_events import job_names
from prefect_lineage_events.emission.not_captured import count_child
from prefect_lineage_events.guard import count_loss, guarded, logger
from prefect_lineage_events.instrumentation.access import reporting_run
from prefect_lineage_events.settings import settings

SPARK_OPTIONS = "SPARK_SUBMIT_OPTS"
_UNSAFE_IN_OPTIONS = frozenset(" \t\n\"'\\$`")


class _Parent(NamedTuple):
    """A flow run as a parent: its id, and its job."""

    run_id: str
    namespace: str
    job: str

    @property
    def described(self) -> dict[str, Any]:
        return {"run": {"runId": self.run_id}, "job": {"namespace": self.namespace, "name": self.job}}

    @property
    def joined(self) -> str:
        """The form of the older variables; "" where a part has a slash."""
        return "" if any("/" in part for part in self) else f"{self.namespace}/{self.job}/{self.run_id}"


def lineage_environment() -> dict[str, str]:
    """Variables for a process that the running flow or task starts, such as `dbt-ol` or `spark-submit`.

    The lineage that such a process sends itself then hangs under the flow run. Add them to the child's environment:
    `subprocess.run(["dbt-ol", "build"], env={**os.environ, **lineage_environment()})`. The family `children` of
    `instrument()` does so for each process that a run starts. Empty outside of runs, without `PREFECT_API_URL`, and
    where the job's name is not known in the flow's process: a flow of another process called this one
    (`run_deployment`), or the setting `job_name` contains `{deployment}`, and no worker of Prefect or `serve` has
    started the process.
    """
    variables = variables_of_child()
    if variables:
        count_child()
    return with_spark_options(variables, os.environ.get(SPARK_OPTIONS, ""))


def variables_of_child() -> dict[str, str]:
    """The same variables, with ours of Spark's options only."""
    with guarded("making a child's environment", count_loss):
        parents = _parents()
        if parents:
            return _variables(parents[0], parents[-1])
    return {}


def with_spark_options(variables: dict[str, str], given: str) -> dict[str, str]:
    """The variables with Spark's options after the `given` ones."""
    if not given or SPARK_OPTIONS not in variables:
        return variables
    return {**variables, SPARK_OPTIONS: f"{given} {variables[SPARK_OPTIONS]}"}


def spark_properties() -> dict[str, str]:
    """The properties of the Spark integration with the same content, for `spark-submit --conf` and Spark sessions.

    `SparkSession.builder.config(map=spark_properties())`; empty where `lineage_environment` is.
    """
    with guarded("making Spark's properties", count_loss):
        parents = _parents()
        if parents:
            count_child()
            return _properties(parents[0], parents[-1])
    return {}


def _parents() -> list[_Parent]:
    """The current flow run, and the flow runs above it in this process; the root is the last one."""
    run, context = reporting_run(), FlowRunContext.get()
    url = get_current_settings().api.url
    if run is None or context is None or not url:
        return []
    namespace = settings().job_namespace or job_names.namespace_of(url)
    contexts = _with_above(context)
    if any(_has_unknown_name(one) for one in contexts):
        logger.debug("lineage: a child process gets no parent run: the name of the deployment is not known")
        return []
    if _has_unknown_parent(contexts):
        logger.debug("lineage: a child process gets no parent run: a flow in another process called this one")
        return []
    names = [job_names.name_of(one.flow.name, _deployment_of(one), settings().job_name) for one in contexts]
    # A subflow's job is named by all flows above it, as in its own events.
    jobs = [".".join(reversed(names[number:])) for number in range(len(names))]
    return [
        _Parent(str(one.flow_run.id), namespace, job)
        for one, job in zip(contexts, jobs, strict=True)
        if one.flow_run is not None
    ]


def _with_above(context: Any) -> list[Any]:
    found = [context]
    while (token := getattr(found[-1], "_token", None)) is not None and len(found) < _MAX_DEPTH:
        above = token.old_value
        if above is Token.MISSING or above is None or getattr(above, "flow_run", None) is None:
            break
        if above.flow_run.id != found[-1].flow_run.id:
            found.append(above)
        else:
            found[-1] = above
    return [one for one in found if getattr(one, "flow", None) is not None]


_MAX_DEPTH = 50


def _has_unknown_name(context: Any) -> bool:
    """Return whether the job is named by a deployment, whose name is not known in this process."""
    is_named_so = context.flow_run.deployment_id is not None and job_names.names_deployment(settings().job_name)
    return is_named_so and _deployment_of(context) is None


def _has_unknown_parent(contexts: list[Any]) -> bool:
    """Return whether flows are above these runs that this process does not know: their names begin the job's."""
    return bool(contexts) and contexts[-1].flow_run.parent_task_run_id is not None


def _deployment_of(context: Any) -> str | None:
    """The name of the deployment, which workers and `serve` set for the process of a run; otherwise the API has it."""
    is_of_run = os.environ.get("PREFECT__FLOW_RUN_ID") == str(context.flow_run.id)
    return os.environ.get("PREFECT__DEPLOYMENT_NAME") if is_of_run and context.flow_run.deployment_id else None


def _variables(parent: _Parent, root: _Parent) -> dict[str, str]:
    content = {"parent": {**parent.described, "root": root.described}}
    variables = {"OPENLINEAGE_CONTEXT": json.dumps(content, separators=(",", ":"))}
    if parent.joined and root.joined:
        variables |= {"OPENLINEAGE_PARENT_ID": parent.joined, "OPENLINEAGE_ROOT_PARENT_ID": root.joined}
    properties = _properties(parent, root)
    if not any(_UNSAFE_IN_OPTIONS.intersection(value) for value in properties.values()):
        variables[SPARK_OPTIONS] = " ".join(f"-D{name}={value}" for name, value in properties.items())
    return variables


def _properties(parent: _Parent, root: _Parent) -> dict[str, str]:
    return {
        "spark.openlineage.parentJobNamespace": parent.namespace,
        "spark.openlineage.parentJobName": parent.job,
        "spark.openlineage.parentRunId": parent.run_id,
        "spark.openlineage.rootParentJobNamespace": root.namespace,
        "spark.openlineage.rootParentJobName": root.job,
        "spark.openlineage.rootParentRunId": root.run_id,
    }
