"""`hotconf fleet`: publish a configuration to many machines, and see who accepts it."""

from __future__ import annotations

from hotconf.cli.fleet.group import fleet

__all__ = ["fleet"]
