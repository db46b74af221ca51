"""The way of one run from Prefect's history to its target, the ledger of it, and the way of many runs."""
