"""A fleet as rows: pure, of made-up fleets of any size."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hotconf.fleet import FleetStatus
from hotconf.fleet.protocol.records import Document, Offer, Pause, Vote
from hotconf.report.cells import width
from hotconf.tui.fleet.rows import MOST_LISTED, Command, Fact, rows
from tui.fleet.made import AT, member, published, status

TODAY = date(2026, 5, 4)
NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def shown(found: FleetStatus | None, *, trouble: str | None = None, **more: Any) -> list[str]:
    """The rows as text, indented."""
    fact = Fact(found, NOON, trouble)
    made = rows(fact, more.get("history", ()), more.get("commands", ()), more.get("toggled", {}), 100, TODAY)
    assert len({row.key for row in made}) == len(made)
    return ["  " * row.depth + row.text for row in made]


def at(lines: list[str], text: str) -> int:
    """The line that has it."""
    return next(number for number, line in enumerate(lines) if text in line)


def test_what_is_current_and_by_whom() -> None:
    """Version, epoch, who, when, note and the rule of the canaries, with how many there are."""
    current = published(action="rollback", note="back", canary="10%", stable="6", all_or_nothing=False)
    lines = shown(status(member(1, canary=True), member(2, "ack", version="6"), current=current))
    text = "\n".join(lines)
    assert "version 7  epoch 7 · rollback by ann@build · 12:00:00" in text
    assert "note      back" in text
    assert "canary    10%: 1 process; all others serve version 6" in text


def test_nothing_and_nobody() -> None:
    """A fleet that was never published to, and one of which nothing is known yet."""
    assert shown(FleetStatus(1, None, None, None, ()))[:3] == [
        "Nothing is published yet",
        "",
        "No process is registered",
    ]
    assert shown(None) == ["Asking etcd…"]


def test_an_offer_with_its_votes_and_a_pause() -> None:
    """How many are ready, and who refuses, with the reason."""
    offer = Offer(Document("8", "0" * 64), 8, 3, 30.0, "bob@build", "", "p8")
    members = [
        member(1, vote=Vote("yes", "8")),
        member(2, vote=Vote("no", "8", "port: too large")),
        member(3, vote=Vote("yes", "5")),
    ]
    text = "\n".join(shown(status(*members, offer=offer, pause=Pause("ann", AT, "deploy"))))
    assert "offered   version 8, all or nothing, by bob@build: 1 of 3 ready, 1 refuses" in text
    assert "web-2 (pid 1002): port: too large" in text
    assert "paused    by ann since 12:00:00: deploy" in text


def test_who_refuses_comes_first_with_the_reason_then_stragglers_then_the_rest() -> None:
    """And each is counted."""
    members = [member(1), member(2, "behind"), member(3, "nack", "port: too small"), member(4, "deferred", "gate")]
    lines = shown(status(*members, member(5, "ahead", "restored")))
    assert (
        "5 processes · 1 refused · 1 ahead of the current version · 1 not answered yet · 1 deferred · 1 accepted"
        in lines
    )
    order = [at(lines, text) for text in ("Refused  1", "Ahead", "Not answered yet  1", "Deferred  1", "Accepted  1")]
    assert order == sorted(order)
    assert lines[at(lines, "web-3 (pid 1003)") + 1].strip() == "port: too small"
    assert lines[at(lines, "web-4 (pid 1004)") + 1].strip() == "gate"


@pytest.mark.parametrize("number", [1, 30])
def test_a_reason_of_before_is_not_shown(number: int) -> None:
    """Who has not answered yet refused something else."""
    text = "\n".join(shown(status(*(member(n, "behind", "port: too small") for n in range(number)))))
    assert "Not answered yet" in text
    assert "port" not in text


def test_many_are_grouped_and_folded() -> None:
    """Those that refuse by their reason, the largest group first; all others by what they serve."""
    refusing = [member(n, "nack", "port: too small" if n % 3 else "no memory") for n in range(300)]
    found = status(*refusing, *(member(n) for n in range(300, 1000)))
    lines = shown(found)
    assert len(lines) < 30
    small = at(lines, "port: too small")
    assert lines[small : small + 2] == ["  port: too small  200 processes", "  no memory  100 processes"]
    assert at(lines, "Accepted  700")
    opened = shown(found, toggled={("state", "nack", "no memory"): True, ("state", "ack"): True})
    assert len(opened) == len(lines) + 100 + 1
    assert "  version 7  700 processes" in opened


def test_a_group_that_is_small_is_listed() -> None:
    """Up to twenty are seen at once."""
    lines = shown(status(*(member(n) for n in range(MOST_LISTED))))
    assert sum("(pid" in line for line in lines) == MOST_LISTED
    assert "(pid" not in "".join(shown(status(*(member(n) for n in range(MOST_LISTED + 1)))))


def test_versions_have_bars_in_proportion() -> None:
    """Most first; a few are seen although they are few, and at most eight."""
    many = [member(n) for n in range(990)] + [member(n, version=str(n)) for n in range(1000, 1010)]
    lines = shown(status(*many))
    first = at(lines, "  990")
    assert lines[first].count("█") > 25
    assert lines[first].endswith("990")
    assert lines[first + 1].count("█") == 1
    assert "  … and 3 other versions" in lines


def test_history_and_commands() -> None:
    """The current entry is marked; a command is what is copied."""
    log = (published(7, "7", note="now"), published(6, "6", canary="1"))
    command = Command("hotconf fleet rollback shop", "go back")
    made = rows(Fact(status(member(1)), NOON), log, [command], {}, 100, TODAY)
    by_key = {row.key: row for row in made}
    assert by_key["history", 7].text.startswith("● version 7")
    assert "canary 1" in by_key["history", 6].text
    assert by_key["command", command.line].copy == command.line
    assert "cannot be read: no" in "\n".join(shown(status(), history="no"))


def test_a_long_command_is_folded() -> None:
    """It fits the screen, a shell takes the lines as they are, and all of it is copied from any of them."""
    line = (
        "hotconf fleet rollback shop/prod --endpoints https://etcd1.example.com:2379,https://etcd2.example.com:2379"
    )
    made = rows(Fact(status(member(1)), NOON), (), [Command(line, "go back")], {}, 78, TODAY)
    found = [row for row in made if row.key[:2] == ("command", line)]
    assert {row.copy for row in found} == {line}
    assert [row.text for row in found] == [
        "go back",
        "hotconf fleet rollback shop/prod --endpoints \\",
        "  https://etcd1.example.com:2379,https://etcd2.example.com:2379",
    ]


def test_trouble_says_how_old_all_else_is() -> None:
    """What was known last stays."""
    lines = shown(status(member(1)), trouble="http://etcd: connection refused")
    assert lines[0] == "⚠ Not connected: http://etcd: connection refused. This is as it was at 12:00:00."
    assert "Accepted  1" in "\n".join(lines)


@pytest.mark.parametrize("room", [20, 40, 78, 200])
def test_text_from_elsewhere_is_one_safe_line(room: int) -> None:
    """Notes, reasons, names and labels of others are printable and wrapped."""
    evil = "a\x1b[31m\n\u202eb" * 20
    refusing = [member(n, "nack", evil, instance=evil, labels={evil: evil}, host=evil) for n in range(30)]
    pause = Pause(evil, evil, evil)
    for crowd in (refusing, refusing[:1]):
        found = status(*crowd, current=published(note=evil, by=evil, at=evil, canary=evil), pause=pause)
        made = rows(Fact(found, NOON, evil), (published(note=evil, by=evil, at=evil),), (), {}, room, TODAY)
        assert all(row.text.isprintable() and row.copy.isprintable() for row in made)
        wraps = [row for row in made if row.key[0] == "trouble"]
        assert all(width(row.text) <= max(room, 20) for row in wraps)


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "x", "9" * 99])
def test_a_time_that_is_none(since: str) -> None:
    """What a process says of itself shows, whatever it takes for a time."""
    assert any("web-1" in line for line in shown(status(member(1, since=since))))
