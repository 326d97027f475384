"""Text to table, pure: one package or module for each format."""
