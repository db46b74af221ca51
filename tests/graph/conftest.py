"""Fixtures of the graph's tests on a real server: those of the assembler's."""

from tests.assembler.conftest import client, target

__all__ = ["client", "target"]
