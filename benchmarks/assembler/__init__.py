"""Costs of assembling one run, a sweep over a long history, and a backfill. `python -m benchmarks.assembler --help`."""
