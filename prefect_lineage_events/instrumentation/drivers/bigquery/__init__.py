"""BigQuery's client and its jobs."""
