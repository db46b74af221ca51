"""Pages of datasets: artifacts with keys that show their last runs. The setting `dataset_pages` limits their number.

A run's page shows the last writers and readers of its datasets by these pages: one request by keys, without another
run's events. The first artifact with a key makes an event that holds its whole text; later changes are made in place,
and make none.

Of several assemblers one at a time changes pages (`lease`). It reads them, adds its runs and writes them; of two runs
of a flow, the one that began later stays. The runs of a sweep are added together: a page is written once for many. The
sweep also adds runs that a killed assembler left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from prefect_lineage_events.assembler import artifact_keys, lease, publishing, snapshot_store
from prefect_lineage_events.assembler.pages import dataset_page
from prefect_lineage_events.assembler.pages.dataset_record import (
    DatasetRecord,
    LaterVersionError,
    decode,
    merged,
    records_of,
)
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.guard import described
from prefect_lineage_events.history import api
from prefect_lineage_events.settings import settings
from prefect_lineage_events.snapshots import Snapshot, snapshot_of
from prefect_lineage_events.stitching.model import RunLineage

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

logger = logging.getLogger(__name__)

# One lease for the pages of all datasets: an assembler holds it for the time of some requests.
LEASE = UUID("c0a8f6de-3b57-4d0e-8d3c-5b2b1f3f6a21")
_LEASE_TIMEOUT = 30.0
# Runs whose pages wait to be written together: an assembler that is killed leaves no more than these to `mend`.
MAX_WAITING = 20
# Runs that one sweep checks.
MAX_MENDED = 1_000
# Records that are kept for the next runs.
_MAX_KNOWN = 1_000
# A page of 20 flows with 500 columns has some 100 kB.
_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class _Page:
    artifact_id: UUID
    text: str
    record: DatasetRecord | None
    is_later: bool = False


class DatasetPages:
    """The pages that runs read and change, with the changes that wait to be written."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self._known: dict[Dataset, DatasetRecord | None] = {}
        self._waiting: dict[Dataset, DatasetRecord] = {}
        self._runs = 0

    def of(self, run: RunLineage) -> dict[Dataset, DatasetRecord]:
        """The records of the run's datasets, with this run: at most as many as the setting allows, outputs first.

        One request for datasets that were not read before. Empty if there are no pages, or none can be read.
        """
        own = _limited(snapshot_of(run))
        if len(self._known) > _MAX_KNOWN:
            self._known = {}
        unknown = [dataset for dataset in own if dataset not in self._known]
        try:
            found = _read(self._client, unknown)
        except Exception as error:  # noqa: BLE001 - the lineage of a run is delivered without its neighbours too
            logger.warning("The pages of datasets could not be read: %s", described(error))
            return {}
        for dataset in unknown:
            page, waiting = found.get(dataset), self._waiting.get(dataset)
            record = page.record if page else None
            self._known[dataset] = merged(record, waiting) if waiting else record
        return {dataset: merged(self._known[dataset], record) for dataset, record in own.items()}

    def add(self, run: RunLineage) -> None:
        """Let the pages of the run's datasets show it, at the next `flush`."""
        self.add_snapshot(snapshot_of(run))

    def add_snapshot(self, snapshot: Snapshot) -> None:
        for dataset, record in _limited(snapshot).items():
            self._waiting[dataset] = merged(self._waiting.get(dataset), record)
            if dataset in self._known:
                self._known[dataset] = merged(self._known[dataset], record)
        self._runs += 1
        if self._runs >= MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write the pages that wait. A page that cannot be written is logged: it must not stop a delivery."""
        waiting, self._waiting, self._runs = self._waiting, {}, 0
        if not waiting:
            return
        try:
            with _held(self._client):
                _update(self._client, waiting)
        except Exception as error:  # noqa: BLE001 - see above
            logger.warning("The pages of %d datasets could not be written: %s", len(waiting), described(error))


@contextmanager
def batched(client: SyncPrefectClient, shared: DatasetPages | None = None) -> Iterator[DatasetPages]:
    """Pages, written at the end of the block, also after an error; `shared` ones are left to their owner."""
    if shared is not None:
        yield shared
        return
    pages = DatasetPages(client)
    try:
        yield pages
    finally:
        pages.flush()


def mend(client: SyncPrefectClient, flow_run_ids: Sequence[UUID]) -> None:
    """Add runs that were assembled before to the pages that lack them, by their snapshots.

    An assembler may have been killed before it wrote pages, or two may have written one at the same time. Requests: one
    per 200 runs and one per 50 datasets; more only where a page lacks a run.
    """
    if not settings().dataset_pages:
        return
    try:
        lacking: dict[Dataset, DatasetRecord] = {}
        for found in snapshot_store.read(client, flow_run_ids[:MAX_MENDED]):
            if found.snapshot is not None:
                for dataset, record in _limited(found.snapshot).items():
                    lacking[dataset] = merged(lacking.get(dataset), record)
        changed = _changed(_read(client, list(lacking)), lacking)
        if changed:
            with _held(client):
                _update(client, {dataset: lacking[dataset] for dataset in changed})
    except Exception as error:  # noqa: BLE001 - the next sweep tries again
        logger.warning("The pages of datasets could not be checked: %s", described(error))


def _limited(snapshot: Snapshot) -> dict[Dataset, DatasetRecord]:
    limit = settings().dataset_pages
    return dict(list(records_of(snapshot).items())[:limit]) if limit else {}


@contextmanager
def _held(client: SyncPrefectClient) -> Iterator[None]:
    """The lease on all pages; without it, if others keep it for long: a page may then lack one of two runs."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lease.hold(client, LEASE, _LEASE_TIMEOUT))
        except lease.BusyError:
            logger.warning("Other assemblers keep changing the pages of datasets; these are changed beside them")
        yield


def _update(client: SyncPrefectClient, changes: Mapping[Dataset, DatasetRecord]) -> None:
    existing = _read(client, list(changes))
    for dataset, text in _changed(existing, changes).items():
        _write(client, dataset, existing.get(dataset), text)


def _changed(existing: Mapping[Dataset, _Page], changes: Mapping[Dataset, DatasetRecord]) -> dict[Dataset, str]:
    """The texts of pages that differ from the existing ones. Pages of a later version stay as they are."""
    texts: dict[Dataset, str] = {}
    for dataset, change in changes.items():
        page = existing.get(dataset)
        if page is None or not page.is_later:
            text = dataset_page.markdown(merged(page.record if page else None, change))
            if page is None or page.text != text:
                texts[dataset] = text
    return texts


def _write(client: SyncPrefectClient, dataset: Dataset, page: _Page | None, text: str) -> None:
    fields = {"description": dataset_page.description(dataset), "data": text}
    if page is not None:
        with suppress(ObjectNotFound):  # deleted by hand just now
            publishing.update_artifact(client, page.artifact_id, **fields)
            return
    publishing.create_artifact(client, key=artifact_keys.dataset_key(dataset), type="markdown", **fields)


def _read(client: SyncPrefectClient, datasets: Sequence[Dataset]) -> dict[Dataset, _Page]:
    """The pages of these datasets. One that was edited and cannot be read has no record, and is written again."""
    found: dict[Dataset, _Page] = {}
    by_key = {artifact_keys.dataset_key(dataset): dataset for dataset in datasets}
    keys = list(by_key)
    for start in range(0, len(keys), _PAGE_SIZE):
        body = {"artifacts": {"key": {"any_": keys[start : start + _PAGE_SIZE]}}, "limit": _PAGE_SIZE}
        for raw in api.post(client, "/artifacts/latest/filter", body):
            dataset = by_key[raw["key"]]
            found[dataset] = _page(raw, dataset)
    return found


def _page(raw: Mapping[str, Any], dataset: Dataset) -> _Page:
    data = raw.get("data")
    text = data if isinstance(data, str) else ""
    artifact_id = UUID(raw["latest_id"])
    try:
        record = decode(text)
    except LaterVersionError as error:
        logger.warning("%s; it stays as it is", error)
        return _Page(artifact_id, text, None, is_later=True)
    return _Page(artifact_id, text, record if record and record.dataset == dataset else None)
