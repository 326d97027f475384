"""Widgets: they render values of the view, and do no I/O."""
