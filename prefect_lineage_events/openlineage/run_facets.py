"""Run facets."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from prefect_lineage_events.credentials import names_secret, without_credentials
from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.history.model import Completeness, FlowRun
from prefect_lineage_events.openlineage.errors import sanitised
from prefect_lineage_events.openlineage.facets import (
    OWN_VERSION,
    RUN_KEY,
    RUN_SCHEMA,
    Facet,
    facet,
    own_facet,
    put,
    with_schema,
)
from prefect_lineage_events.stitching.model import Lineage, RunLineage, StatementSummary, TaskLineage, UnknownSource

# The source of tags, where no setting replaces it.
TAG_SOURCE = "PREFECT"
MAX_QUERIES = 50
MAX_UNKNOWN = 100
MAX_TASK_RUNS = 50
MAX_ERRORS = 50
MAX_LACKS = 20
MAX_LACK = 300
MAX_STATEMENT = 500
_DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?([+\-]\d\d:\d\d|Z)?")


def iso(time: dt.datetime) -> str:
    """The time in OpenLineage's format, with a `T` and a zone."""
    utc = time.astimezone(dt.timezone.utc) if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_facets(
    run: RunLineage, lineage: Lineage, prefect_url: str | None, tag_source: str = TAG_SOURCE
) -> dict[str, Facet]:
    """The facets that every event of a flow run has."""
    of = run.run
    facets = {
        "processing_engine": facet(
            "1-1-1/ProcessingEngineRunFacet",
            version=run.engine_version or version("prefect"),
            name="Prefect",
            openlineageAdapterVersion=OWN_VERSION,
        ),
        RUN_KEY: _prefect(run, lineage, prefect_url),
    }
    if of.expected_start:
        facets["nominalTime"] = facet("1-0-1/NominalTimeRunFacet", nominalStartTime=iso(of.expected_start))
    put(facets, "executionParameters", _execution_parameters(of.parameters))
    if of.tags:
        facets["tags"] = facet("1-0-0/TagsRunFacet", tags=tag_list(of.tags, tag_source))
    return {**{key: with_schema(content) for key, content in run.facets.items()}, **facets}


def task_facet(task: TaskLineage) -> dict[str, Any]:
    """The task runs of Prefect that an event of a task stands for."""
    runs = [_without_none(id=str(run.id), name=run.name, state=run.state) for run in task.runs[:MAX_TASK_RUNS]]
    entrypoint = _entrypoint(task.definition)
    return _without_none(name=task.task_name, entrypoint=entrypoint, runCount=len(task.runs), runs=runs)


def end_facets(lineage: Lineage, error: str | None) -> dict[str, Facet]:
    """The facets that are known only at the end."""
    facets: dict[str, Facet] = {}
    if error:
        facets["errorMessage"] = facet(
            "1-0-1/ErrorMessageRunFacet", message=sanitised(error), programmingLanguage="PYTHON"
        )
    put(facets, "externalQuery", _external_query(lineage))
    put(facets, "extractionError", _extraction_error(lineage))
    return facets


def tag_list(tags: tuple[str, ...], source: str) -> list[dict[str, str]]:
    """Tags as key and value: Prefect's tags are words without a value, in which people may have put one."""
    shown = sorted({without_credentials(tag) for tag in tags})
    return [{"key": tag, "value": "true", "source": source} for tag in shown]


def _entrypoint(definition: Definition | None) -> str | None:
    """The file and function, as Prefect writes entrypoints of deployments."""
    return f"{definition.path}:{definition.function}" if definition is not None and definition.path else None


def _prefect(run: RunLineage, lineage: Lineage, prefect_url: str | None) -> Facet:
    """The facet of this project; its schema is in the folder `spec`."""
    of = run.run
    queries = [{"id": s.query_id, "source": _source(s)} for s in lineage.queries if s.query_id]
    details = _without_none(
        id=str(of.id),
        name=of.name,
        state=of.state,
        stateName=of.state_name or None,
        runCount=of.run_count,
        url=f"{prefect_url.rstrip('/')}/runs/{of.kind}/{of.id}" if prefect_url else None,
    )
    in_flow = of.kind == "flow-run"
    entrypoint = _entrypoint(run.definition)
    return own_facet(
        RUN_SCHEMA,
        flowRun=details if in_flow else None,
        flow=_without_none(id=str(of.flow_id), name=of.flow_name, entrypoint=entrypoint) if in_flow else None,
        taskRun=None if in_flow else details,
        deployment=_deployment(of),
        parameters=_parameters(of.parameters) or None,
        completeness=_completeness(run.completeness),
        queries=queries[:MAX_QUERIES] or None,
        unknownSources=unknown_sources(lineage) or None,
        notCaptured=list(run.completeness.not_captured) or None,
        schemaChanges={dataset.uri: change for dataset, change in run.schema_changes.items()} or None,
    )


def unknown_sources(lineage: Lineage) -> dict[str, dict[str, Any]]:
    """The unknown sources of rows and columns, by URI of the output."""
    return {source.target.uri: unknown_source(source) for source in lineage.unknown[:MAX_UNKNOWN]}


def unknown_source(source: UnknownSource) -> dict[str, Any]:
    return _without_none(
        sources=source.rows,
        candidates=[dataset.uri for dataset in source.candidates[:MAX_UNKNOWN]] or None,
        columns=list(source.columns[:MAX_UNKNOWN]) or None,
    )


def _deployment(run: FlowRun) -> dict[str, Any] | None:
    if run.deployment_id is None:
        return None
    return _without_none(
        id=str(run.deployment_id),
        name=run.deployment_name,
        version=run.deployment_version,
        entrypoint=run.deployment_entrypoint,
        schedule=run.schedule,
        workPool=run.work_pool,
        workQueue=run.work_queue,
    )


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The run's parameters; values of kinds that may hold secrets, or under names of secrets, are shown as `?`."""
    shown = sorted(parameters.items())
    return {name: value if _harmless(value) and not names_secret(name) else "?" for name, value in shown}


def _execution_parameters(parameters: Mapping[str, Any]) -> Facet | None:
    """The same parameters in the specification's own facet, where values are texts."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in _parameters(parameters).items()
    }
    found = [{"key": name, "name": name, "value": text} for name, text in texts.items()]
    return facet("1-0-0/ExecutionParametersRunFacet", parameters=found) if found else None


def _harmless(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_DATE.fullmatch(value))
    return value is None or isinstance(value, (bool, int, float))


def _completeness(completeness: Completeness) -> dict[str, Any]:
    lacks = [line[:MAX_LACK] for line in completeness.lacks()[:MAX_LACKS]]
    return {
        **({"lacks": lacks} if lacks else {}),
        "complete": completeness.complete,
        "missingEvents": completeness.missing_events,
        "unclosedEmitters": len(completeness.unclosed),
        "droppedStatements": completeness.dropped,
    }


def _external_query(lineage: Lineage) -> Facet | None:
    """The last query of the run that wrote, or else the last one. All are in the `prefect_run` facet."""
    queried = [s for s in lineage.queries if s.query_id]
    if not queried:
        return None
    last = ([s for s in queried if s.operation != "read"] or queried)[-1]
    return facet("1-0-2/ExternalQueryRunFacet", externalQueryId=last.query_id, source=_source(last))


def _source(statement: StatementSummary) -> str:
    return statement.source or statement.dialect or "unknown"


def _extraction_error(lineage: Lineage) -> Facet | None:
    """Statements that were analysed only in part, with the reasons."""
    partial = [(n, s) for n, s in enumerate(lineage.queries) if s.confidence == "partial"]
    if not partial:
        return None
    errors = [_error(number, statement) for number, statement in partial[:MAX_ERRORS]]
    return facet(
        "1-1-2/ExtractionErrorRunFacet", totalTasks=len(lineage.queries), failedTasks=len(partial), errors=errors
    )


def _error(number: int, statement: StatementSummary) -> dict[str, Any]:
    return _without_none(
        errorMessage=sanitised(statement.reason) or "not understood",
        task=(statement.sql or "")[:MAX_STATEMENT] or None,
        taskNumber=number,
    )


def _without_none(**content: Any) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}
