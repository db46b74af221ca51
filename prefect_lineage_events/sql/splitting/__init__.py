"""Script -> single statements, each with the text that may be shown."""
