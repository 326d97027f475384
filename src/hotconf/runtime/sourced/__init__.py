"""A watcher whose main document comes from a source: what the source tells it, and what it answers."""
