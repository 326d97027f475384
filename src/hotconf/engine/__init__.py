"""Decisions over time, pure: when to load, when to publish, when to wait. No I/O, clock, threads or logging."""
