"""Any ASGI application, here without a framework: `uvicorn app:app` in this folder, and `curl localhost:8000`."""

from __future__ import annotations

import json
import os

from pydantic import BaseModel

from hotconf import HotReloadWatcher, View
from hotconf.integrations.asgi import HotConfMiddleware, Receive, Scope, Send


class Config(BaseModel, frozen=True):
    """What the file may say."""

    greeting: str = "hello"
    shelf: str = "hello"


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request, and take no part in the lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError
    view: View[Config] = scope["hotconf"]
    body = {"greeting": view.config.greeting, "shelf": view.config.shelf, "process": os.getpid()}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


app = HotConfMiddleware(greet, HotReloadWatcher("config.toml", Config, debounce_ms=200))
