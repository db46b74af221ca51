"""Wrappers of drivers and blocks. All of this room runs in the user's thread."""
