"""Costs of loading the lineage graph and of its questions. `python -m benchmarks.graph --help`."""
