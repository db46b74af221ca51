"""`LineageBlock`, a base for users' own blocks whose methods record reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.blocks.core import Block
from pydantic import HttpUrl

from prefect_lineage_events import patches
from prefect_lineage_events.blocks.documents import DOCUMENTATION_URL
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.instrumentation.record import record_misc, record_read, record_write


class LineageBlock(Block):
    """
    A base for blocks whose own methods report reads and writes as Prefect events.

    Subclass it for whatever no connector covers: an API, a file drop, a queue, a vendor's library. The three `record_`
    methods work in flows and tasks, sync and async, return at once and never raise without `raise_on_error`; outside a
    run they do nothing. The block is an ordinary Prefect block: fields, documents and pickling are as in any other.

    Example:
        A block for the files that a partner drops.
        ```python
        from prefect_lineage_events import LineageBlock

        class PartnerDrop(LineageBlock):
            bucket: str = "partner-drop"

            def prices(self, day: str) -> str:
                self.record_read(f"s3://{self.bucket}/prices/{day}.csv")
                return download(self.bucket, f"prices/{day}.csv")
        ```
    """

    # no name, slug and description here: each subclass would inherit them instead of having its own
    _logo_url = HttpUrl(
        # the logo of Prefect's Webhook block
        "https://cdn.sanity.io/images/3ugk85nk/production/c7247cb359eb6cf276734d4b1fbf00fb8930e89e-250x250.png"
    )
    _documentation_url = HttpUrl(DOCUMENTATION_URL)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        patches.switch_on()

    def record_read(self, dataset: Dataset | str, *, rows: int | None = None, raise_on_error: bool = False) -> None:
        """Record that a dataset was read: see `prefect_lineage_events.record_read`."""
        record_read(dataset, rows=rows, raise_on_error=raise_on_error)

    def record_write(
        self,
        dataset: Dataset | str,
        inputs: Iterable[Dataset | str] = (),
        *,
        rows: int | None = None,
        raise_on_error: bool = False,
    ) -> None:
        """Record that a dataset was written, and its inputs: see `prefect_lineage_events.record_write`."""
        record_write(dataset, inputs, rows=rows, raise_on_error=raise_on_error)

    def record_misc(self, dataset: Dataset | str, *, description: str = "", raise_on_error: bool = False) -> None:
        """Record another operation on a dataset: see `prefect_lineage_events.record_misc`."""
        record_misc(dataset, description=description, raise_on_error=raise_on_error)
