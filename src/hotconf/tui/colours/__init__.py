"""Which colours the app has: what the terminal can show, which theme, and that all of it can be read."""
