"""Changes to events for targets that cannot take everything."""
