"""A watcher whose main document comes from a source: what it is told, and what the source hears."""
