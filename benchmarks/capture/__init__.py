"""What capture costs a flow: run `python -m benchmarks.capture`."""
