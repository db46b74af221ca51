"""`python -m prefect_lineage_events.cli`, as `prefect-lineage`."""

import sys

from prefect_lineage_events.cli.running import main

if __name__ == "__main__":
    sys.exit(main())
