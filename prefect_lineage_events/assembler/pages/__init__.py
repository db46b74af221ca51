"""The texts of lineage artifacts, one module for each section: pages of runs, and pages of datasets. Pure."""
