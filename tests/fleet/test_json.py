"""The page about JSON says which keys there are, and the commands print these and no others."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from docs.examples import ROOT
from fleet.etcd import Cluster
from fleet.simulated import Simulated
from hotconf.cli.app import hotconf
from hotconf.cli.fleet.text import status_json
from hotconf.fleet.etcd.access import access
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import Document, Offer
from tui.fleet.made import member, status

pytestmark = pytest.mark.real_tool

_NAME = "json/keys"
_INSIDE = {
    "published": "entry",
    "current": "entry",
    "rolled_back": "entry",
    "status": "status",
    "members": "member",
    "offer": "offer",
    "pause": "pause",
    "paused": "pause",
}
"""Which object stands under a key."""


def test_the_page_has_all_keys_and_no_others(
    one_node: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each command, as it is typed; both ways."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTCONF_ETCD_ENDPOINTS", ",".join(one_node.endpoints))
    seen: dict[str, set[str]] = defaultdict(set)

    def typed(kind: str, command: str, *arguments: str, text: str | None = None) -> None:
        done = CliRunner().invoke(hotconf, ["fleet", command, _NAME, *arguments, "--json"], input=text)
        for line in done.stdout.splitlines():
            _look(json.loads(line), kind if "error" not in line else "failure", seen)

    def judge(document: Document) -> str | None:
        return "port: too large" if document.version == "2" else None

    with (
        Simulated(access(one_node.endpoints), Keys.of(_NAME), "web-1", judge, {}),
        Simulated(access(one_node.endpoints), Keys.of(_NAME), "web-2", judge, {}),
    ):
        typed("outcome", "publish", "-", "--yes", "--wait", "--no-app", text="port = 1")
        typed("outcome", "publish", "-", "--yes", "--all-or-nothing", "--no-app", text="port = 2")
        typed("outcome", "publish", "-", "--yes", "--canary", "1", "--no-app", text="port = 3")
        typed("outcome", "publish", "-", "--yes", "--expect", "1", "--no-app", text="port = 4")
        typed("entry", "promote")
        typed("", "pause", "--note", "why")
        typed("status", "status")
        typed("", "resume")
        typed("entry", "history")
        typed("document", "show")
        typed("difference", "diff", "1")
        typed("entry", "rollback", "--yes")
        typed("pruned", "prune", "--yes")
        typed("failure", "rollback", "999", "--yes")
    offer = Offer(Document("8", "0" * 64), 8, 9, 30.0)
    _look(status_json(status(member(1), offer=offer)), "status", seen)
    page = _page()
    failure = page.pop("failure")
    assert seen.pop("failure") <= failure | page["outcome"]
    assert dict(seen) | {"": {"paused"}} == page | {"": {"paused"}}


def _look(found: Any, kind: str, seen: dict[str, set[str]]) -> None:
    seen[kind] |= set(found)
    for key, value in found.items():
        for each in value if isinstance(value, list) else (value,):
            if key in _INSIDE and isinstance(each, dict):
                _look(each, _INSIDE[key], seen)


def _page() -> dict[str, set[str]]:
    """The keys on the page, by heading."""
    text = (ROOT / "docs/fleet-json.md").read_text("utf-8")
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    found = {}
    for section in sections:
        title, _, body = section.partition("\n")
        cells = re.findall(r"^\| (`.*?) \|", body, re.MULTILINE)
        found[title.lower()] = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    del found["by command"]
    return found
