"""Who is told: callbacks, streams, followers, statistics."""
