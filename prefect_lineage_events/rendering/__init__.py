"""Lineage as a layered graph and an SVG image. Pure."""
