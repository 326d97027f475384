"""Decisions, pure: no I/O, no clock, no threads, no logging. Everything here is a value or a function of values."""
