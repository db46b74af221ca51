"""Errors that Marquez 0.51 answers for any producer's events. No event avoids them without losing information.

Each was looked up in Marquez's source. `tests/marquez/walk.py` decides from what Marquez shows whether one applies, and
the tests require that each one is met: a Marquez that has been mended fails them, and the entry goes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownFault:
    """`applies` names the requests; `docs/targets.md` lists both for users."""

    status: int
    applies: str
    reason: str


UNWRITTEN_INPUT = KnownFault(
    500,
    "`runlineage/upstream` of a run that reads, itself or through earlier runs, a dataset that no known run wrote",
    "Marquez stores a version without a run for such a dataset, and its query of upstream runs requires a run"
    " (`UpstreamRunRowMapper`, `u_r_uuid`).",
)
SECOND_NAME = KnownFault(
    500,
    "a single version of a dataset that has a second name (facet `symlinks`)",
    "The view `datasets_view` has a row for each name, and the query of one version (`DatasetVersionDao.findBy`) allows"
    " one row. The list of versions responds, with the same content.",
)
HIDDEN_VERSIONS = KnownFault(
    200,
    "an empty list of versions of a dataset whose name is a second name of any dataset, in any namespace",
    "`DatasetVersionDao.findAll` leaves out versions by `name NOT IN` all second names. `totalCount` counts them.",
)
NO_COLUMNS = KnownFault(
    404,
    "the column graph of a dataset without known columns, or of a job whose latest run wrote none",
    "`ColumnLineageService` treats a node without columns as unknown, where a graph without nodes would be true.",
)
RETYPED_COLUMN = KnownFault(
    500,
    "the column graph of one column that has had several types",
    "`DatasetFieldDao.findUuid` finds a row for each type that the column had, and allows one row. The column graph of"
    " the dataset responds, with the column.",
)
KNOWN_FAULTS = (UNWRITTEN_INPUT, SECOND_NAME, HIDDEN_VERSIONS, NO_COLUMNS, RETYPED_COLUMN)
