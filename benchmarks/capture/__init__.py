"""Costs of capture in a flow: run `python -m benchmarks.capture`."""
