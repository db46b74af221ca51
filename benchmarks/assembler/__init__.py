"""What assembling costs: one run, a sweep over a long history, a backfill. `python -m benchmarks.assembler --help`."""
