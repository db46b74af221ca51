"""A statement of a run as the warehouse's own access history has it: the event `lineage.witnessed`.

The sweep asks the warehouse and emits the event, so that every later assembly of the run has the answer too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from prefect_lineage_events.event_fields import Label, Moment
from prefect_lineage_events.events import EventColumnEdge, EventDataset

WITNESSED_EVENT = "lineage.witnessed"
# Limits of the column edges and of the datasets of one statement.
MAX_COLUMNS, MAX_DATASETS = 2_000, 1_000
# Limit of the statements that one CALL ran.
MAX_STATEMENTS = 500


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class WitnessedWrite(_Value):
    """A dataset that a statement wrote, with the columns that went into it."""

    output: EventDataset
    columns: tuple[EventColumnEdge, ...] = ()


class WitnessedStatement(_Value):
    """A statement by its id in the warehouse, with what it read and wrote. `cut`: the warehouse left a part out."""

    query_id: Label
    started: Moment | None = None
    inputs: tuple[EventDataset, ...] = ()
    writes: tuple[WitnessedWrite, ...] = ()
    cut: bool = False


class Witnessed(_Value):
    """The answer about one statement of a run: itself, and the statements that it ran (a CALL)."""

    flow_run_id: UUID
    query_id: Label
    statements: tuple[WitnessedStatement, ...] = ()


def parse(payload: Mapping[str, Any]) -> Witnessed:
    """The answer in an event's payload. Raises pydantic.ValidationError for one that no version has written."""
    return Witnessed.model_validate(payload)
