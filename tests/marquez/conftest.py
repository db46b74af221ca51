from tests.marquez.fixtures import marquez_standin

__all__ = ["marquez_standin"]
