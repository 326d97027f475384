"""A `BaseSettings` class that another process can import."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SENT_", env_file=".env", frozen=True)

    n: int = 0
