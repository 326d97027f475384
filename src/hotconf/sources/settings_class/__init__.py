"""A `BaseSettings` class of pydantic-settings as a declaration of layers: only models with such a class need it."""
