"""Real databases for tests, on free loopback ports, started once in a session when a test first needs one.

A conftest that imports a fixture from here shares the one server with all others.
"""
