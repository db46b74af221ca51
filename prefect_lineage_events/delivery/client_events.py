"""Conversion of our events to the official client's `RunEvent`.

The client costs half a second to import, so only `transports.OpenTransport.emit` imports this module, and late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import job_type_job, parent_run, tags_job, tags_run

from prefect_lineage_events.openlineage.facets import Event, Facet


def client_event(event: Event) -> RunEvent:
    """Return the event as the client's own, with facets as plain dictionaries except those the client reads.

    The client changes the events it emits, so everything it may change is copied.
    """
    run, job = event["run"], event["job"]
    return RunEvent(
        eventType=RunState(event["eventType"]),
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=Run(run["runId"], facets=_with(run["facets"], {"tags": _run_tags, "parent": _parent})),
        job=Job(job["namespace"], job["name"], facets=_with(job["facets"], {"tags": _job_tags, "jobType": _job_type})),
        inputs=[InputDataset(**{**dataset, "facets": dict(dataset["facets"])}) for dataset in event["inputs"]],
        outputs=[OutputDataset(**{**dataset, "facets": dict(dataset["facets"])}) for dataset in event["outputs"]],
    )


def _with(facets: dict[str, Facet], builders: dict[str, Callable[[Facet], Any]]) -> dict[str, Any]:
    return {key: builders[key](facet) if key in builders else facet for key, facet in facets.items()}


def _run_tags(facet: Facet) -> tags_run.TagsRunFacet:
    """Tags of the run, as the client's own facet: the client adds its version to them."""
    tags = [tags_run.TagsRunFacetFields(**tag) for tag in facet["tags"]]
    return tags_run.TagsRunFacet(tags=tags, producer=facet["_producer"])


def _job_tags(facet: Facet) -> tags_job.TagsJobFacet:
    """Tags of the job, as the client's own facet: the client adds those of its configuration."""
    tags = [tags_job.TagsJobFacetFields(**tag) for tag in facet["tags"]]
    return tags_job.TagsJobFacet(tags=tags, producer=facet["_producer"])


def _parent(facet: Facet) -> parent_run.ParentRunFacet:
    """Parent of the run, as the client's own facet: Kafka uses it as message key, transformers may rename it."""
    run, job, root = facet["run"], facet["job"], facet["root"]
    return parent_run.ParentRunFacet(
        run=parent_run.Run(run["runId"]),
        job=parent_run.Job(job["namespace"], job["name"]),
        root=parent_run.Root(
            run=parent_run.RootRun(root["run"]["runId"]),
            job=parent_run.RootJob(root["job"]["namespace"], root["job"]["name"]),
        ),
        producer=facet["_producer"],
    )


def _job_type(facet: Facet) -> job_type_job.JobTypeJobFacet:
    """Type of the job, as the client's own facet: some transports route by it."""
    content = {key: value for key, value in facet.items() if not key.startswith("_")}
    return job_type_job.JobTypeJobFacet(**content, producer=facet["_producer"])
