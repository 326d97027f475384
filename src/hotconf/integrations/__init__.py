"""HotReloadWatcher in other people's programs: a module for each framework or tool, imported by those who use it."""
