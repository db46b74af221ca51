"""Where the blocks' forms in Prefect's UI point."""

DOCUMENTATION_URL = "https://github.com/prefect-lineage-events/prefect-lineage-events"
