"""The demo: from flows on real data to their lineage, with nothing to configure. `make demo`."""
