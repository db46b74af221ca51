"""`table-written`: run a deployment when a table was written by a run that completed.

The event `lineage.table-written` is the assembler's: one for each output of a completed run, after its commits. The
parameters are values of the event's payload. Prefect renders each as JSON and parses that, so that quotes and braces in
a name stay what they are, and renders no value a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from prefect.events.schemas.automations import AutomationCore

from prefect_lineage_events.automations.definition import (
    JSON,
    NO_ID,
    Definition,
    Ids,
    Options,
    Runs,
    literal,
    reactive,
    run_deployment,
)
from prefect_lineage_events.automations.tables import ANY_TABLE, pattern_of, table_of
from prefect_lineage_events.events import FLOW_LABEL, TABLE_WRITTEN_EVENT

# Parameters of the user's flow that are filled in, where it has them: by name, the field of the payload.
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "dataset": "dataset",
        "namespace": "namespace",
        "table": "name",
        "schema": "columns",
        "columns": "columns",
        "flow_run_id": "flow_run_id",
    }
)
# The field for a parameter `schema` by its declared type: the name of the table's schema, or its columns.
_BY_TYPE = {("schema", "string"): "schema_name", ("schema", "object"): "types", ("columns", "object"): "types"}


def parameters_for(runs: Runs) -> dict[str, str]:
    """The parameters that the deployment takes, as templates."""
    taken = {name: by for name, by in PARAMETERS.items() if name in runs.parameters}
    fields = {name: _BY_TYPE.get((name, runs.parameters[name]), by) for name, by in taken.items()}
    return {name: f"{{{{ event.payload['{by}'] }}}}" for name, by in fields.items()}


def _runs(options: Options) -> Runs:
    return options.runs or Runs(NO_ID, "")


def _trigger(options: Options) -> JSON:
    # Not for runs of the flow that it runs: one that writes a table of the pattern would run for ever.
    not_itself = f"!{literal(_runs(options).flow_name)}"
    match = {"prefect.resource.id": pattern_of(options.table or ANY_TABLE), FLOW_LABEL: not_itself}
    return reactive([TABLE_WRITTEN_EVENT], match, for_each=["prefect.resource.id"])


def _actions(options: Options, ids: Ids) -> list[JSON]:
    runs = _runs(options)
    return [run_deployment(runs.id, parameters_for(runs))]


def _options_of(found: AutomationCore) -> Options:
    return Options(table=table_of(found))


def _subject(options: Options) -> str:
    return f"{options.table} -> {_runs(options).name}"


TABLE_WRITTEN = Definition(
    name="table-written",
    group="tables",
    description="Run a deployment when a flow run that completed has written a table, after its commits.",
    cost="One run of your deployment for each run that wrote the table.",
    trigger=_trigger,
    actions=_actions,
    options_of=_options_of,
    subject=_subject,
    required=("table", "run"),
    example=Options(
        table="postgres://warehouse:5432/shop/public/orders",
        runs=Runs(NO_ID, "refresh-report/nightly", {"dataset": "string", "schema": "array"}),
    ),
)
