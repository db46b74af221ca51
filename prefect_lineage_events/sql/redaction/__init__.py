"""Parts of a statement that may be shown, and its shape. Pure."""
