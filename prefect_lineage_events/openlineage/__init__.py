"""Run lineage -> OpenLineage events: pure builders of events and facets."""
