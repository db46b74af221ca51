"""Conversion of our events into the official client's. Imported only when something is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import job_type_job, parent_run, tags_job, tags_run

from prefect_lineage_events.openlineage.facets import Event, Facet


def client_event(event: Event) -> RunEvent:
    """The event, with facets as they are but for those that the client and its transports look into.

    The client changes the events that it emits: what it may touch is copied.
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
    """The client adds its version to them."""
    tags = [tags_run.TagsRunFacetFields(**tag) for tag in facet["tags"]]
    return tags_run.TagsRunFacet(tags=tags, producer=facet["_producer"])


def _job_tags(facet: Facet) -> tags_job.TagsJobFacet:
    """The client adds those of its configuration."""
    tags = [tags_job.TagsJobFacetFields(**tag) for tag in facet["tags"]]
    return tags_job.TagsJobFacet(tags=tags, producer=facet["_producer"])


def _parent(facet: Facet) -> parent_run.ParentRunFacet:
    """Kafka's message key is made of it, and a transformer may rename it."""
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
    """Some transports choose their way by it."""
    told = {key: value for key, value in facet.items() if not key.startswith("_")}
    return job_type_job.JobTypeJobFacet(**told, producer=facet["_producer"])
