"""Where the blocks' forms in Prefect's UI point."""

DOCUMENTATION_URL = "https://pypi.org/project/prefect-lineage-events/"
