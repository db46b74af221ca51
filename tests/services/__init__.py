"""Real databases for tests: started once a session, on free loopback ports, when a test first asks for one.

A conftest that imports a fixture from here shares the one server with all others.
"""
