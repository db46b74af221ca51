"""Assistants: the questions of the lineage graph as read-only tools of an MCP server (modelcontextprotocol.io)."""
