"""Files: what a configured path means, reads of one state, and what has changed since."""
