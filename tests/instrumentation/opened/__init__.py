"""Connections that a program opens itself, with `instrument("databases")` and no other line of ours."""
