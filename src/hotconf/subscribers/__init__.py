"""Who learns of a change: streams, callbacks for events and for values, statistics."""
