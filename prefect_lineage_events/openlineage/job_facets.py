"""Job facets. Every event repeats them: some targets drop facets that the last event did not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prefect_lineage_events.credentials import LOOKED_AT, without_credentials
from prefect_lineage_events.definitions import Definition
from prefect_lineage_events.history.model import FlowRun, ParentRun
from prefect_lineage_events.history.source_code import source_of
from prefect_lineage_events.job_names import BY_FLOW, name_of
from prefect_lineage_events.openlineage.dataset_facets import explicit_lineage
from prefect_lineage_events.openlineage.facets import MARKDOWN, Facet, facet, owner_list, put
from prefect_lineage_events.openlineage.run_facets import TAG_SOURCE, tag_list
from prefect_lineage_events.stitching.model import Lineage, StatementSummary


def job_name(run: FlowRun, template: str = BY_FLOW) -> str:
    """The name of a run's job. A run without a deployment is named by its flow alone, whatever the template."""
    if run.job is not None:
        return run.job
    return ".".join([*above(run, template), name_of(run.flow_name, run.deployment_name, template)])


def above(run: FlowRun, template: str = BY_FLOW) -> list[str]:
    """The names of the flows above a subflow's run, the root's first, each with its own deployment or none."""
    return chain(run.parents, template)


def chain(runs: Sequence[ParentRun], template: str) -> list[str]:
    """The names of these runs' flows, the last one's first."""
    return [name_of(run.flow_name, run.deployment_name, template) for run in reversed(runs)]


MAX_SQL = 16_000
# Each event has all that is known of its run: a reader need not add up several.
_EMISSION = {"eventTrigger": "EVENT_BASED", "eventContentMode": "COMPLETE_SNAPSHOT"}
_CHANGING = frozenset({"write", "create", "alter"})


def job_facets(
    run: FlowRun,
    lineage: Lineage,
    kind: Literal["FLOW", "TASK"],
    tag_source: str = TAG_SOURCE,
    definition: Definition | None = None,
) -> dict[str, Facet]:
    facets = {
        "jobType": facet(
            "2-0-4/JobTypeJobFacet",
            processingType="BATCH",
            integration="PREFECT",
            jobType=kind,
            emissionPattern=_EMISSION,
        )
    }
    put(facets, "sourceCodeLocation", _location(run, kind, definition))
    put(facets, "sql", _sql(lineage.queries))
    put(facets, "lineage", explicit_lineage(lineage))
    put(facets, "documentation", _documentation(run, kind, definition))
    if run.owners:
        facets["ownership"] = facet("1-0-1/OwnershipJobFacet", owners=owner_list(run.owners))
    if run.tags and run.deployment_id:
        facets["tags"] = facet("1-0-0/TagsJobFacet", tags=tag_list(run.tags, tag_source))
    return facets


def _documentation(run: FlowRun, kind: str, definition: Definition | None) -> Facet | None:
    """The deployment's description, else that in the code: by default the docstring."""
    text = run.deployment_description if kind == "FLOW" else None
    text = without_credentials(text or (definition.description if definition is not None else ""), LOOKED_AT)
    return facet("1-1-0/DocumentationJobFacet", description=text, contentType=MARKDOWN) if text else None


def _location(run: FlowRun, kind: str, definition: Definition | None) -> Facet | None:
    """The location of the code: by the deployment, else by the file of the function.

    A task may stand in another file than its flow, of the same repository or another.
    """
    own = source_of(definition) if definition is not None else None
    source = own if kind == "TASK" and own is not None and (own.repository or run.source is None) else run.source or own
    if source is None:
        return None
    return facet(
        "1-1-0/SourceCodeLocationJobFacet",
        type="file" if source.url.startswith("file:") and not source.repository else "git",
        url=source.url,
        repoUrl=source.repository,
        path=source.path,
        version=source.commit or run.deployment_version,
        branch=source.branch,
    )


def _sql(statements: tuple[StatementSummary, ...]) -> Facet | None:
    """The statements that changed something, in order, each shape once; the reads of a run that only reads."""
    shown = [s for s in statements if s.sql and s.operation in _CHANGING] or [s for s in statements if s.sql]
    texts = list(dict.fromkeys((s.sql or "").rstrip().rstrip(";") for s in shown))
    if not texts:
        return None
    query = ";\n".join(texts)
    dialects = {s.dialect for s in shown if s.dialect}
    return facet(
        "1-1-0/SQLJobFacet",
        query=query if len(query) <= MAX_SQL else query[: MAX_SQL - 1] + "…",
        dialect=dialects.pop() if len(dialects) == 1 else None,
    )
