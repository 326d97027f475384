"""Doubles for tests: a virtual clock, a scripted source of changes, a recorder of events."""
