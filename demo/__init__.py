"""The demo: the whole path on real data, with nothing to configure. `make demo`."""
