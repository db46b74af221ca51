"""Sanitised text and shape of a statement. Pure."""
