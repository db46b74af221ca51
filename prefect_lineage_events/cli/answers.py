"""The keys of JSON answers, by command. They stay as they are: programs read them. New ones may be added.

`[...]` is a list of objects with these keys, empty where there is nothing to list.
"""

from __future__ import annotations

_WALK = "start direction datasets edges cut"
_COLUMN_WALK = "start column direction columns edges open_ends cut"
_RUNS = "summary already_done refused runs"

# Several forms are those of different questions: a dataset or a run, a dataset or a column.
ANSWERS: dict[str, tuple[str, ...]] = {
    "show": ("dataset also_known_as columns origins writers readers freshness gaps", "summary statements gaps"),
    "upstream": (_WALK, _COLUMN_WALK),
    "downstream": (_WALK, _COLUMN_WALK),
    "path": ("source target edges columns",),
    "impact": ("dataset column values decisions unknown flows cut",),
    "schema": ("dataset versions",),
    "runs": ("[run producer inputs outputs complete in_flight]",),
    "diff": (
        "before after inputs_added inputs_removed outputs_added outputs_removed edges_added edges_removed "
        "columns_added columns_removed rows",
    ),
    "search": ("datasets flows",),
    "export": ("output format bytes",),
    "freshness": ("[dataset written by age_seconds usual_seconds late]",),
    "unused": ("[uri name kind]",),
    "conflicts": ("[dataset writers]",),
    "assemble": ("run flow outcome sent rejected refused_before kept lacks",),
    "sweep": (_RUNS,),
    "backfill": (_RUNS,),
    "status": (
        "api at assembler swept lag_seconds running in_flight waiting oldest_waiting stale unassembled "
        "oldest_unassembled incomplete rejected more at_least targets reasons advice unanswered trouble",
    ),
    "watch": ("id event occurred resource related payload received follows",),
    "rejected": ("[run flow target at refused reasons]", "runs failed"),
    "replay": ("taken before repeated refused unreadable refusals faults",),
    "deploy": ("deployments automations blocks work_pool targets warnings", "deployments automations", "automations"),
    "undeploy": ("deleted",),
    "doctor": ("[ok subject observed advice doubtful]",),
    "register": ("blocks",),
    "convert": ("saved source",),
    "explain": (
        "run producer edges more_edges statements schema_changes gaps complete",
        "[kind effect confidence reason inputs outputs columns indirect declared renames result_columns fingerprint "
        "sanitised]",
    ),
}
ERROR = "error exit_code"
# Commands without --json: two that serve, and one whose output is a script.
WITHOUT = ("serve", "mcp", "completion")
