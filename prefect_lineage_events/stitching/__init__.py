"""History of a run -> lineage of the run. Pure: no client, no HTTP."""
