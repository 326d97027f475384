"""Prints the port whenever `config.toml` is saved: `python app.py` in this folder."""

from __future__ import annotations

from pydantic import BaseModel

from hotconf import HotReloadWatcher


class Config(BaseModel, frozen=True):
    """What the file may say."""

    port: int = 8000


def main() -> None:
    """Follow the file until Ctrl+C."""
    with HotReloadWatcher("config.toml", Config) as watcher, watcher.subscribe() as events:
        print(f"port {watcher.config.port}", flush=True)
        for _ in events:
            print(f"port {watcher.config.port}", flush=True)


if __name__ == "__main__":
    main()
