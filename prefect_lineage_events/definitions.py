"""Definitions of flows and tasks in events: the function, its file, and its description."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from prefect_lineage_events.event_fields import Label, Text


class Definition(BaseModel):
    """The definition of a flow.

    `path` is that of the file in its git `repository` (an address without credentials), else in the folder of the
    program or of its packages; it never begins at a root or home. `commit` stands where no branch is checked out.
    `description` is the docstring, or what takes its
    place in Prefect's decorator.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Label = ""
    module: Label = ""
    function: Label = ""
    path: Text | None = None
    repository: Text | None = None
    branch: Label | None = None
    commit: Label | None = None
    description: Text = ""


class TaskDefinition(Definition):
    """The definition of a task. `key` is Prefect's, the same for all its runs; `ran`: it did, and is not only named."""

    key: Label
    ran: bool = True


class RunDefinitions(BaseModel):
    """The flow of a run, its tasks, and the names of flows that its function names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    flow: Definition | None = None
    tasks: tuple[TaskDefinition, ...] = ()
    flows: tuple[Label, ...] = ()
