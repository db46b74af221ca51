"""OpenLineage events -> targets: configuration, transports, responses."""
