"""JSON: parse, find positions, explain what is wrong."""
