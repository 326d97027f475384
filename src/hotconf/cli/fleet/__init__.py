"""`hotconf fleet`: publish a configuration to many machines, and see what becomes of it."""

from __future__ import annotations

from hotconf.cli.fleet.group import fleet

__all__ = ["fleet"]
