"""How the integrations of web frameworks are seen by type checkers. Nobody runs this; mypy and pyright read it.

Each `type: ignore` stands where a mistake must be found.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import assert_type

from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from flask import Flask
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware

from hotconf import HotReloadWatcher, View
from hotconf.integrations.asgi import HotConfMiddleware
from hotconf.integrations.fastapi import lifespan, pinned, router, view
from hotconf.integrations.flask import HotConf


class App(BaseModel):
    """A configuration."""

    number: int = 0


@asynccontextmanager
async def mine(app: FastAPI) -> AsyncGenerator[dict[str, int]]:
    """A lifespan of one's own."""
    yield {"number": 1}


def asgi(watcher: HotReloadWatcher[App]) -> None:
    """Lifespans are those of the frameworks; dependencies give what they say; the middleware wraps anything."""
    FastAPI(lifespan=lifespan(watcher))
    FastAPI(lifespan=lifespan(watcher, mine, require=False)).include_router(router(watcher), prefix="/config")
    Starlette(lifespan=lifespan(watcher, lifespan(watcher)))
    assert_type(pinned(watcher), Callable[[HTTPConnection], AsyncIterator[App]])
    assert_type(view(watcher), Callable[[HTTPConnection], AsyncIterator[View[App]]])
    Starlette(middleware=[Middleware(HotConfMiddleware, watcher=watcher)])
    FastAPI(dependencies=[]).add_middleware(HotConfMiddleware, watcher=watcher, name="limits")
    HotConfMiddleware(HotConfMiddleware(FastAPI(), watcher), watcher)
    lifespan("config.toml")  # type: ignore[call-overload] # pyright: ignore


def flask(watcher: HotReloadWatcher[App]) -> None:
    """The extension is typed as its watcher."""
    hotconf = HotConf(watcher, Flask("app"))
    assert_type(hotconf.config, App)
    assert_type(hotconf.view, View[App])
    hotconf.config = App()  # type: ignore[misc] # pyright: ignore
