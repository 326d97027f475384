"""Texts, such as environment variables, as values: which key a name stands for, and what a text says."""
