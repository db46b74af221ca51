"""The lineage graph: a window of history as one typed graph with evidence and gaps, and pure questions over it."""
