"""Storage of an event that Marquez could parse, in Marquez's order.

The order matters: nothing is undone when a later step fails, so it decides what a refused event leaves behind.
"""

from __future__ import annotations

from uuid import UUID

from tests.marquez import values
from tests.marquez.ingest_datasets import Context, Event, Io, facets_of, present, put_dataset
from tests.marquez.parsing import DATASET_EVENT, JOB_EVENT, Shape
from tests.marquez.rows import DONE, DatasetVersion, Facet, Job, JobVersion, RawEvent, Run
from tests.marquez.store import Store
from tests.marquez.values import Failed, Unacceptable, namespace_name, not_blank, safe_namespace

STATES = {"complete": "COMPLETED", "abort": "ABORTED", "fail": "FAILED"}
"""Every other event type, known or not, is RUNNING."""

TYPED_JOB_FACETS = ("documentation", "sourceCodeLocation", "sql", "jobType")
TYPED_RUN_FACETS = ("nominalTime", "parent")


def accept(store: Store, kind: Shape, event: Event) -> None:
    """Store one event. Raises if any part of that failed, after the other parts are stored.

    The model and the raw event are written side by side, and neither hinders the other.
    """
    failure: Exception | None = None
    try:
        _update(store, kind, event)
    except (Failed, Unacceptable) as error:
        failure = error
    _store_raw(store, kind, event)
    if failure:
        raise failure


def _update(store: Store, kind: Shape, event: Event) -> None:
    if kind is DATASET_EVENT:
        _accept_dataset_event(store, event)
    elif kind is JOB_EVENT:
        _accept_job_event(store, event)
    else:
        _accept_run_event(store, event)


def _store_raw(store: Store, kind: Shape, event: Event) -> None:
    values.document(event)
    name = "DATASET_EVENT" if kind is DATASET_EVENT else "JOB_EVENT" if kind is JOB_EVENT else "RUN_EVENT"
    store.raw_events.append(RawEvent(name, values.parse_time(event["eventTime"]), event))


def _accept_dataset_event(store: Store, event: Event) -> None:
    context = Context(store, values.parse_time(event["eventTime"]))
    dataset = present(event.get("dataset"))
    store.put_namespace(safe_namespace(dataset["namespace"]), context.now)
    stored = put_dataset(context, dataset, is_input=False)
    stored.dataset.current_version, stored.dataset.updated_at = stored.version, values.now()


def _accept_job_event(store: Store, event: Event) -> None:
    context = Context(store, values.parse_time(event["eventTime"]))
    sent = event["job"]
    namespace = store.put_namespace(safe_namespace(sent["namespace"]), context.now)
    job = _put_job(context, sent, namespace.name, [], None, None)
    inputs = [put_dataset(context, dataset, is_input=True) for dataset in event.get("inputs") or ()]
    outputs = [put_dataset(context, dataset, is_input=False) for dataset in event.get("outputs") or ()]
    version = store.put_job_version(
        job, _job_version(job, [io.version for io in inputs], [io.version for io in outputs]), job.created_at
    )
    _link_io(store, version, [io.version for io in inputs], [io.version for io in outputs])
    job.updated_at, job.current_version = job.created_at, version
    for name, value in facets_of(sent, TYPED_JOB_FACETS):
        store.put_job_facet(Facet(name, value, context.now, job=job, version=version), None)


def _accept_run_event(store: Store, event: Event) -> None:
    event_type, sent = event.get("eventType"), event["job"]
    run_id = values.run_uuid(event["run"]["runId"])
    context = Context(store, values.parse_time(event["eventTime"]), event_type, run_id)
    namespace = store.put_namespace(safe_namespace(sent["namespace"]), context.now)
    facets = event["run"].get("facets") or {}
    parent = facets.get("parent") or facets.get("parentRun")
    job = _put_job(context, sent, namespace.name, event.get("inputs") or [], parent, facets.get("nominalTime"))
    run = _put_run(context, event, job, parent)
    for name, value in facets_of(sent, TYPED_JOB_FACETS):
        store.put_job_facet(Facet(name, value, context.now, run=run_id, job=job), event_type)
    streaming = _is_streaming(sent)
    inputs_sent, outputs_sent = event.get("inputs") or [], event.get("outputs") or []
    bare_end = streaming and str(event_type).upper() in ("COMPLETE", "FAIL") and not inputs_sent and not outputs_sent
    inputs = _put_side(context, job, inputs_sent, is_input=True, keep=bare_end)
    _put_side(context, job, outputs_sent, is_input=False, keep=bare_end)
    version = _put_run_version(store, run, job, context.now, event_type, streaming, bare_end)
    if event_type is not None:
        _publish(store, run, job, version, bool(inputs), event_type.upper() == "COMPLETE" or streaming)


def _put_side(context: Context, job: Job, sent: list[Event], *, is_input: bool, keep: bool) -> list[Io]:
    """Store inputs or outputs of a job. An event without inputs removes the job's inputs, one without outputs its
    outputs: START and RUNNING too.
    """
    if not sent and not keep:
        context.store.erase_job_io(job, "INPUT" if is_input else "OUTPUT")
    return [put_dataset(context, dataset, is_input=is_input) for dataset in sent]


def _put_run(context: Context, event: Event, job: Job, parent: Event | None) -> Run:
    store, event_type = context.store, context.event_type
    state = _state(event_type) if event_type is not None else None
    args = _run_args(event, parent)
    run = store.put_run(context.run, event["run"]["runId"], job, now=context.now, args=args, state=state)  # type: ignore[arg-type]
    if state:
        run.state, run.transitioned_at = state, context.now
    if event_type is None and event["run"].get("facets") is not None:
        raise Failed("NullPointerException: lineageEventType is marked non-null but is null")
    for name, value in facets_of(event["run"], TYPED_RUN_FACETS):
        store.put_run_facet(Facet(name, value, context.now, run=context.run), str(event_type))
    if state in DONE:
        run.ended_at = context.now
    elif state:
        run.started_at = context.now
    return run


def _state(event_type: str) -> str:
    return STATES.get(event_type.lower(), "RUNNING")


def _run_args(event: Event, parent: Event | None) -> dict[str, str]:
    args: dict[str, str] = {}
    nominal = (event["run"].get("facets") or {}).get("nominalTime")
    if nominal:
        args["nominal_start_time"] = values.short_zoned(nominal["nominalStartTime"])
        if nominal.get("nominalEndTime") is not None:
            args["nominal_end_time"] = values.short_zoned(nominal["nominalEndTime"])
    if parent:
        args |= {
            "run_id": parent["run"]["runId"],
            "name": parent["job"]["name"],
            "namespace": parent["job"]["namespace"],
        }
    return args


def _put_job(
    context: Context, sent: Event, namespace: str, inputs: list[Event], parent: Event | None, nominal: Event | None
) -> Job:
    facets = sent.get("facets") or {}
    description = (facets.get("documentation") or {}).get("description")
    location = (facets.get("sourceCodeLocation") or {}).get("url")
    parent_job = _find_parent(context, sent, namespace, location, parent, nominal) if parent else None
    name = sent["name"]
    if parent_job and name.startswith(f"{parent_job.name}."):
        name = name[len(parent_job.name) + 1 :]
    input_ids = [{"namespace": namespace_name(io["namespace"]), "name": not_blank(io["name"])} for io in inputs]
    return context.store.put_job(
        namespace,
        name,
        now=context.now,
        kind="STREAM" if _is_streaming(sent) else "BATCH",
        description=description,
        location=location,
        inputs=input_ids,
        # a child refers to its parent's run; graphs therefore show the parent's run as the latest of the child
        run=parent_job.current_run if parent_job else context.run,
        parent=parent_job,
    )


def _find_parent(
    context: Context, sent: Event, namespace: str, location: str | None, parent: Event, nominal: Event | None
) -> Job:
    """The job of the parent's run, or one created in the child's own namespace if that run or name is unknown."""
    facet_namespace, facet_name, run_id = parent["job"]["namespace"], parent["job"]["name"], parent["run"]["runId"]
    name = facet_name.rpartition(".")[0] if facet_name == sent["name"] and "." in facet_name else facet_name
    run_uuid = values.parse_uuid(run_id)
    if run_uuid is None:
        root = facet_name.rpartition(".")[0] if "." in facet_name else facet_name
        run_uuid = values.uuid_of_names(facet_namespace, root, run_id)
    known = context.store.runs.get(run_uuid)
    if known and not known.job.hidden:
        if (known.job.namespace, known.job.name) == (facet_namespace, name):
            return known.job
        run_uuid = values.uuid_of_names(facet_namespace, name, str(run_uuid))
    kind = "STREAM" if _is_streaming(sent) else "BATCH"
    job = context.store.put_job(
        namespace, name, now=context.now, kind=kind, description=None, location=location, inputs=[], run=run_uuid
    )
    _put_parent_run(context, run_uuid, run_id, job, nominal)
    return job


def _put_parent_run(context: Context, uuid: UUID, run_id: str, job: Job, nominal: Event | None) -> None:
    times = tuple(
        values.parse_time(nominal[key]) if nominal and nominal.get(key) is not None else None
        for key in ("nominalStartTime", "nominalEndTime")
    )
    state = _state(context.event_type) if context.event_type is not None else None
    run = context.store.put_run(uuid, run_id, job, now=context.now, args={}, nominal=times, state=state)  # type: ignore[arg-type]
    run.state, run.transitioned_at = state, context.now
    if state in DONE:
        run.ended_at = context.now
    elif state:
        run.started_at = context.now


def _is_streaming(sent: Event) -> bool:
    job_type = (sent.get("facets") or {}).get("jobType") or {}
    return str(job_type.get("processingType")).upper() == "STREAMING"


# job versions, from which the edges come


def _put_run_version(
    store: Store, run: Run, job: Job, now: int, event_type: str | None, streaming: bool, bare_end: bool
) -> JobVersion | None:
    """Store a job version at the end of a run: all datasets that the run has ever named become the job's current ones.

    A streaming job gets one with each event that contains a new dataset.
    """
    state = _state(event_type) if event_type is not None else "RUNNING"
    if not streaming and state not in DONE:
        return None
    inputs, outputs = list(run.inputs), list(store.outputs_of(run.uuid))
    hashed = _job_version(job, inputs, outputs)
    if streaming and (bare_end or hashed in store.job_versions):
        return None
    version = store.put_job_version(job, hashed, now)
    _link_io(store, version, inputs, outputs)
    run.version, version.latest_run = version, run
    for facet in store.job_facets_of_run(run.uuid):
        facet.version = version
    job.updated_at, job.current_version = now, version
    return version


def _job_version(job: Job, inputs: list[DatasetVersion], outputs: list[DatasetVersion]) -> UUID:
    name = f"{job.parent.name}.{job.simple_name}" if job.parent else job.name
    sides = [sorted({(namespace_name(io.namespace), not_blank(io.name)) for io in side}) for side in (inputs, outputs)]
    joined = [":".join(part for pair in side for part in pair) for side in sides]
    return values.version_of(namespace_name(job.namespace), not_blank(name), *joined, job.location)


def _link_io(store: Store, version: JobVersion, inputs: list[DatasetVersion], outputs: list[DatasetVersion]) -> None:
    for io in inputs:
        store.put_job_io(version, io.dataset, "INPUT")
    for io in outputs:
        store.put_job_io(version, io.dataset, "OUTPUT")


def _publish(store: Store, run: Run, job: Job, version: JobVersion | None, has_inputs: bool, completed: bool) -> None:
    """After a COMPLETE, the run's outputs become the current versions. Building the notices checks names again."""
    if completed:
        if version:
            namespace_name(job.namespace), not_blank(job.name)
        outputs = list(store.outputs_of(run.uuid))
        for output in outputs:
            output.dataset.current_version, output.dataset.updated_at = output, values.now()
        for output in outputs:
            namespace_name(output.namespace), not_blank(output.name)
        if outputs:
            not_blank(job.name), namespace_name(job.namespace)
    if version:
        namespace_name(job.namespace), not_blank(job.name)
    if has_inputs and run.inputs:
        for given in run.inputs:
            namespace_name(given.namespace), not_blank(given.name)
        not_blank(job.name), namespace_name(job.namespace)
