"""Profiles: changes to events for targets that cannot take everything, and what their graphs need."""
