"""Keeps a running program's configuration in step with its files, safely."""

__version__ = "0.1.0"
