"""A WSGI application whose workers all follow the file: `gunicorn app:application` in this folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from pydantic import BaseModel

from hotconf import HotReloadWatcher


class Config(BaseModel, frozen=True):
    """What the file may say."""

    greeting: str = "hello"
    language: str = "en"


watcher = HotReloadWatcher("config.toml", Config)
watcher.start()


def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with one state of the file, whatever is saved meanwhile."""
    config = watcher.config  # read once: one generation
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Language", config.language)])
    return [f"{config.greeting} from process {os.getpid()}\n".encode()]
