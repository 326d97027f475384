"""A table becomes a configuration, or problems in plain words."""
