"""The app's screen of the fleet, with real etcd."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from fleet.etcd import Cluster
from fleet.simulated import Simulated
from hotconf.fleet import Etcd, Fleet
from hotconf.fleet.etcd.access import access
from hotconf.fleet.protocol.keys import Keys
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.tui.clock import Clock
from hotconf.tui.session import Session
from tui.stage import LARGE, play, screen, shows

pytestmark = pytest.mark.real_tool


class Config(BaseModel):
    """With a secret whose name does not say so."""

    port: int
    pin: SecretStr = SecretStr("")


def test_a_real_fleet(one_node: Cluster) -> None:
    """From the main screen: who accepts, who refuses and why; the app itself is no member."""
    name = "screen/real"
    source = Etcd(name, one_node.endpoints, instance="web-9")
    options = Options(source.path, Schema.of(Config), source=source)
    reached = access(one_node.endpoints)

    async def scenario(pilot: Any) -> None:
        app = pilot.app
        await shows(pilot, f"{name}:1")
        assert "following etcd" in screen(app)
        await pilot.press("F")
        await shows(pilot, "2 processes · 2 accepted")
        with Fleet(name, one_node.endpoints, by="me") as fleet:
            fleet.publish(b'port = 2\npin = "hunter2-abc"\n', note="second")
        await shows(pilot, "1 refused · 1 accepted")
        await shows(pilot, "port: too large")
        assert "web-9" not in screen(app)
        await pilot.press("end", "enter")
        await shows(pilot, "version 1 → version 2 (current)")
        await shows(pilot, "port = 2")
        assert "hunter2" not in screen(app)
        await pilot.press("escape", "escape")
        await shows(pilot, "generation 2")
        assert "e Edit" not in screen(app)
        await pilot.press("b", "b")
        await shows(pilot, f"`hotconf fleet rollback {name}` goes back")

    with Fleet(name, one_node.endpoints, by="me") as fleet:
        fleet.publish(b'port = 1\npin = "hunter1-abc"\n', note="first")
    with (
        Simulated(reached, Keys.of(name), "web-1"),
        Simulated(
            reached, Keys.of(name), "web-2", lambda document: "port: too large" if document.version == "2" else None
        ),
        closing(Session(source.path, lambda: options)) as session,
    ):
        play(session, scenario, clock=Clock(), size=LARGE)
