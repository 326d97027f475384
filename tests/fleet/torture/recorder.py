"""What happens in etcd, read by its own tool."""

from __future__ import annotations

import base64
import json
import queue
import subprocess
import threading
from itertools import count
from typing import Final

from fleet.etcd import Cluster
from fleet.torture.history import Era, Event, History

PREFIX: Final = "/hotconf/"


class Recorder:
    """Adds what happened to the last era of a history."""

    def __init__(self, cluster: Cluster, history: History) -> None:
        self.revision = 0
        """Up to which it was read."""
        self._cluster = cluster
        self._history = history
        self._marks = count()

    def gone_back(self, revision: int) -> None:
        """etcd was restored: another era begins."""
        self.revision = revision
        self._history.eras.append(Era(revision))

    def collect(self) -> None:
        """Read what happened in etcd since it was read last. Raises `SubprocessError` if it cannot be reached."""
        marker = f"{PREFIX}marker"
        put = json.loads(self._cluster.ctl("put", marker, str(next(self._marks)), "--write-out", "json", timeout_s=5))
        until = put["header"]["revision"]
        arguments = ("watch", "--prefix", PREFIX, "--rev", str(self.revision + 1), "--write-out", "json")
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        process = self._cluster.start_ctl(*arguments)
        assert process.stdout is not None
        out = process.stdout
        reader = threading.Thread(target=lambda: [lines.put(line) for line in out], daemon=True)
        reader.start()
        found: list[Event] = []
        try:
            while self.revision < until:
                answer = json.loads(lines.get(timeout=10))
                if answer.get("CompactRevision"):
                    raise AssertionError("what happened in etcd was compacted before it was read")
                for event in answer.get("Events") or ():
                    found.append(_event(event))
                    self.revision = max(self.revision, found[-1].revision)
        except queue.Empty:
            raise subprocess.TimeoutExpired(list(arguments), 10) from None
        finally:
            process.kill()
            process.wait()
            reader.join()
            out.close()
            self._history.eras[-1].events += [event for event in found if event.key != marker.encode()]


def _event(event: dict[str, dict[str, str]]) -> Event:
    kv = event["kv"]
    key = base64.b64decode(kv["key"])
    deleted = str(event.get("type", "PUT")) in ("1", "DELETE")
    return Event(int(kv["mod_revision"]), key, None if deleted else base64.b64decode(kv.get("value", "")))
