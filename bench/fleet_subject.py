"""The processes under test of `bench.fleet`: one that writes down when it has applied what, one that writes down how
it is, and one that only waits.

The last imports nothing before it is measured that a program with a model has not imported.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from typing import Any

from pydantic import BaseModel

from bench.footprint import resident


class Config(BaseModel, frozen=True):
    """What is published."""

    number: int
    refused_by: str = ""
    hosts: dict[str, str] = {}


def document(number: int, refused_by: str = "") -> bytes:
    """1 KB."""
    head = f'number = {number}\nrefused_by = "{refused_by}"\n[hosts]\n'
    rows = "".join(f'host-{at:02} = "10.0.{number % 250}.{at}:8080"\n' for at in range(40))
    return f"{head}{rows}".encode()[:1024].rpartition(b"\n")[0] + b"\n"


def follow() -> None:
    """Arguments: fleet, endpoints, name. Writes the number of a document and the time, as soon as it is applied."""
    from hotconf import HotReloadWatcher
    from hotconf.fleet import Etcd
    from hotconf.sources.source import Verdict

    fleet, endpoints, name = sys.argv[1:]
    logging.disable()  # refusals are part of it

    class Timed(Etcd):
        """The verdict comes right after it is published."""

        def ended(self, verdict: Verdict) -> None:
            if verdict.status == "applied":
                now = time.monotonic_ns()
                os.write(1, f"{watcher.get_config().number} {now}\n".encode())
            super().ended(verdict)

    watcher = HotReloadWatcher(Timed(fleet, endpoints, instance=name), Config)

    @watcher.resource(lambda config: config.refused_by)
    def refusing(refused_by: str) -> Any:
        if refused_by == name:
            raise OSError("not here")
        yield refused_by

    watcher.start()
    sys.stdin.read()
    watcher.close()


def suffer() -> None:
    """Arguments: fleet, endpoints, name. Writes when, what it serves and how it is, whenever either changes."""
    from hotconf import HotReloadWatcher
    from hotconf.fleet import Etcd

    fleet, endpoints, name = sys.argv[1:]
    logging.disable()
    with HotReloadWatcher(Etcd(fleet, endpoints, instance=name), Config) as watcher:
        before: tuple[int, str] | None = None
        while True:
            now = watcher.config.number, watcher.health().status
            if now != before:
                os.write(1, (json.dumps([time.monotonic_ns(), *now]) + "\n").encode())
            before = now
            time.sleep(0.02)


def main() -> None:
    """Arguments: `fleet` or `file`, a fleet, its endpoints, the files of `TLS` or none. Prints the bytes added, and
    then sleeps.
    """
    how, fleet, endpoints, *files = sys.argv[1:]
    with tempfile.NamedTemporaryFile("wb", suffix=".toml") as file:
        file.write(document(1))
        file.flush()
        before = resident()
        from hotconf import HotReloadWatcher

        watcher: HotReloadWatcher[Config]
        if how == "file":
            watcher = HotReloadWatcher(file.name, Config)
        else:
            from hotconf.fleet import TLS, Etcd

            tls = TLS(*files) if files else None
            watcher = HotReloadWatcher(Etcd(fleet, endpoints, tls=tls, instance="idle"), Config)
        watcher.start()
        time.sleep(1)  # it is registered by now
        print(json.dumps(resident() - before), flush=True)
        sys.stdin.read()
        watcher.close()
