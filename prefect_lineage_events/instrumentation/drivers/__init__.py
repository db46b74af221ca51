"""A description for each driver family."""
