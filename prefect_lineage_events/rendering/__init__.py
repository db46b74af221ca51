"""Lineage as a tree, a layered graph and an SVG image. Pure."""
