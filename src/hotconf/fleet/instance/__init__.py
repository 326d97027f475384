"""A process that follows a fleet: what it decides, and what runs it."""
