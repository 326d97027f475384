"""Who gets events: streams, callbacks, followers of values, statistics."""
