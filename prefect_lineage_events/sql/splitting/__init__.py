"""Script -> single statements, with what may be shown of each."""
