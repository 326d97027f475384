"""Screens: the main one, and sheets that lie over it."""
