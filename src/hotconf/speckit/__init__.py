"""The built-in schema: the configuration that hotconf's own commands use."""
