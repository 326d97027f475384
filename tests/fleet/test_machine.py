"""What an instance decides, alone: each rule as a row, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hotconf.fleet.instance.machine import TTL_S, State, label_of, parts_of, step
from hotconf.fleet.instance.steps import (
    Answered,
    Cut,
    Discard,
    Due,
    Effect,
    Input,
    Loaded,
    Prepare,
    Read,
    Registered,
    Serve,
    Switch,
    TakeBack,
    Unfetched,
    Unregistered,
    View,
    Vote,
    Withdrew,
)
from hotconf.fleet.protocol.records import Canary, Current, Document, Offer, Pause
from hotconf.sources.source import Verdict

NS = 1_000_000_000


def document(version: int) -> Document:
    """A document."""
    return Document(str(version), "0" * 64)


def current(epoch: int, version: int | None = None, **more: object) -> Current:
    """What is current."""
    made = Current(epoch, document(epoch if version is None else version), f"id-{epoch}")
    return replace(made, **more)  # type: ignore[arg-type]


def offer(epoch: int) -> Offer:
    """What is offered over the epoch before."""
    return Offer(document(epoch), epoch, 10 * (epoch - 1), 30, publish_id=f"id-{epoch}")


def view(epoch: int, offered: int = 0, *, paused: bool = False) -> View:
    """What is there: something current, and perhaps an offer of the next epoch."""
    made = offer(epoch + 1) if offered else None
    return View(current(epoch) if epoch else None, 10 * epoch, made, offered, Pause() if paused else None)


def applied(epoch: int) -> Loaded:
    """The watcher has applied it."""
    label = label_of(str(epoch), epoch)
    return Loaded(Verdict("applied", label, label))


def refused(epoch: int, serving: int) -> Loaded:
    """The watcher has refused it."""
    return Loaded(Verdict("refused", label_of(str(epoch), epoch), label_of(str(serving), serving), 1, "port: bad"))


def ready(epoch: int) -> Answered:
    """The watcher has prepared it."""
    return Answered(Verdict("ready", label_of(str(epoch), epoch)))


def run(*inputs: Input, state: State | None = None) -> tuple[State, list[Effect]]:
    """What becomes of it, and what it wanted done at the last input."""
    state = state or State("web-1", {"zone": "eu"})
    effects: tuple[Effect, ...] = ()
    for given in inputs:
        state, effects = step(state, given)
    return state, list(effects)


PREPARED = (Read(view(1)), applied(1), Registered(), Read(view(1, 15)), ready(2))


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ([Read(view(1))], [Serve("1@1", document(1))]),
        ([Read(view(0))], []),
        ([Read(view(1)), applied(1), Read(view(1))], []),
        ([Read(view(1)), Unfetched("1@1", None), Read(view(1))], [Serve("1@1", document(1))]),
        ([Read(view(1)), Unfetched("1@1", "gone"), Read(view(1))], []),
        ([Read(view(2)), Unfetched("2@2", None), Read(view(1))], [Serve("1@1", document(1))]),
        ([Read(view(1)), applied(1), Read(view(2))], [Serve("2@2", document(2))]),
        ([Read(view(2)), applied(2), Read(view(1))], []),
        ([Read(view(1)), applied(1), Read(view(2)), refused(2, 1), Read(view(1))], [Serve("1@1", document(1))]),
        ([Read(view(1)), applied(1), Read(view(2, paused=True))], []),
        ([Read(view(1)), applied(1), Read(view(2, paused=True)), Read(view(2))], [Serve("2@2", document(2))]),
        ([Read(view(1, paused=True))], [Serve("1@1", document(1))]),
        # Offers
        ([Read(view(1)), applied(1), Read(view(1, 15))], []),
        ([Read(view(1)), applied(1), Read(view(1, 15)), Registered()], [Prepare("2@2", document(2))]),
        ([*PREPARED], [Vote(offer(2), 15, None)]),
        ([*PREPARED, Read(view(1, 15))], [Vote(offer(2), 15, None)]),
        ([*PREPARED, Unregistered(), Registered()], [Vote(offer(2), 15, None)]),
        ([*PREPARED, Read(view(2))], [Switch("2@2")]),
        ([*PREPARED, Read(view(2, paused=True))], [Switch("2@2")]),
        ([*PREPARED, Read(view(1))], [Discard("2@2")]),
        (
            [*PREPARED, Read(View(current(2, 7, publish_id="x"), 20, None, 0, None))],
            [Discard("2@2"), Serve("7@2", document(7))],
        ),
        ([*PREPARED[:-1], Read(view(1))], [Discard("2@2")]),
        ([*PREPARED[:-1], Answered(Verdict("refused", "2@2", reason="bad"))], [Vote(offer(2), 15, "bad")]),
        (
            [*PREPARED[:-1], Answered(Verdict("refused", "2@2", reason="bad")), Read(view(1, 15))],
            [Vote(offer(2), 15, "bad")],
        ),
        ([*PREPARED[:-1], Unfetched("2@2", "gone")], [Vote(offer(2), 15, "gone")]),
        ([*PREPARED[:-1], Unfetched("2@2", None), Read(view(1, 15))], [Prepare("2@2", document(2))]),
        (
            [*PREPARED, Answered(Verdict("withdrawn", "2@2", reason="forced"))],
            [TakeBack("2@2", offer(2), 15, "forced")],
        ),
        ([*PREPARED, Answered(Verdict("withdrawn", "1@1", reason="forced"))], []),
        ([*PREPARED, Read(view(1, 15, paused=True))], [TakeBack("2@2", offer(2), 15, "the fleet is paused")]),
        ([*PREPARED, Read(view(1, 15, paused=True)), Withdrew("2@2", done=True)], [Discard("2@2")]),
        ([*PREPARED, Read(view(1, 15, paused=True)), Withdrew("2@2", done=False)], []),
        (
            [*PREPARED, Read(view(1, 15, paused=True)), Withdrew("2@2", done=False), Read(view(2, paused=True))],
            [Switch("2@2")],
        ),
        (
            [Read(view(1)), applied(1), Registered(), Read(view(1, 15, paused=True))],
            [Vote(offer(2), 15, "the fleet is paused")],
        ),
        (
            [Read(view(1)), applied(1), Registered(), Read(view(1, 15)._replace(base=11))],
            [],
        ),
        (
            [Read(view(3)), applied(3), Registered(), Read(view(1, 15))],
            [Vote(offer(2), 15, "the current version is older than what it serves")],
        ),
        # Cut off
        ([*PREPARED, Cut(0), Due((30 + 3 * TTL_S) * NS - 1)], []),
        (
            [*PREPARED, Cut(0), Due((30 + 3 * TTL_S) * NS)],
            [TakeBack("2@2", offer(2), 15, "it was cut off for too long"), Discard("2@2")],
        ),
        ([*PREPARED[:-1], Cut(0), Due((30 + 3 * TTL_S) * NS)], [Discard("2@2")]),
        (
            [*PREPARED, Cut(0), Cut(50 * NS), Due((30 + 3 * TTL_S) * NS)],
            [TakeBack("2@2", offer(2), 15, "it was cut off for too long"), Discard("2@2")],
        ),
        ([*PREPARED, Cut(0), Read(view(1, 15)), Due(100 * NS)], []),
        ([*PREPARED, Cut(0), Due(100 * NS), Read(view(2))], [Serve("2@2", document(2))]),
        ([*PREPARED, Cut(0), Due(100 * NS), Read(view(1, 15))], [Vote(offer(2), 15, "it was cut off for too long")]),
    ],
)
def test_what_it_wants_done(inputs: list[Input], wanted: list[Effect]) -> None:
    """At the last input, in this order."""
    assert run(*inputs)[1] == wanted


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], ("", 0, "deferred", 0, "starting")),
        ([Read(view(1))], ("", 0, "deferred", 1, "loading")),
        ([Read(view(1)), applied(1)], ("1", 1, "ack", 1, "")),
        ([Read(view(1)), applied(1), Read(view(2)), refused(2, 1)], ("1", 1, "nack", 2, "port: bad")),
        ([Read(view(1)), applied(1), Read(view(2, paused=True))], ("1", 1, "paused", 1, "the fleet is paused")),
        (
            [Read(view(1)), applied(1), Read(view(2)), Loaded(Verdict("deferred", "2@2", "1@1", 1, "busy: import"))],
            ("1", 1, "deferred", 2, "busy: import"),
        ),
        (
            [Read(view(2)), applied(2), Read(view(1))],
            ("2", 2, "ahead", 2, "the current version is older than what it serves"),
        ),
        (
            [Read(view(2)), applied(2), Read(view(0))],
            ("2", 2, "ahead", 2, "the current version is older than what it serves"),
        ),
        ([Read(view(2)), applied(2), Read(view(1)), Read(view(3)), applied(3)], ("3", 3, "ack", 3, "")),
        ([Read(view(1)), applied(1), Read(view(2)), refused(2, 1), applied(2)], ("2", 2, "ack", 2, "")),
        # A layer is refused, or waits: the document is served all the same.
        ([Read(view(1)), applied(1), refused(1, 1)], ("1", 1, "ack", 1, "")),
        ([Read(view(1)), applied(1), Loaded(Verdict("deferred", "1@1", "1@1", 1, "busy"))], ("1", 1, "ack", 1, "")),
        # A start on a kept state: what is in force is known by its name only.
        ([Loaded(Verdict("refused", "", "3@4", 1, "unreachable"))], ("3", 4, "deferred", 0, "starting")),
        (
            [Loaded(Verdict("refused", "", "3@4", 1, "unreachable")), Read(view(1))],
            ("3", 4, "ahead", 0, "the current version is older than what it serves"),
        ),
        # The store was restored to before this epoch, and something else has it now.
        (
            [Read(view(2)), applied(2), Read(View(current(2, 9, publish_id="x"), 5, None, 0, None))],
            ("2", 2, "ahead", 2, "the current version is older than what it serves"),
        ),
        ([*PREPARED, Read(view(2)), applied(2)], ("2", 2, "ack", 2, "")),
    ],
)
def test_what_it_says(inputs: list[Input], said: tuple[object, ...]) -> None:
    """What it serves, and what it says of what is current."""
    assert run(*inputs)[0].said == said


def test_canaries_serve_the_new_and_all_others_what_is_stable() -> None:
    """At the same epoch."""
    chosen = current(2, canary=Canary("zone=us", document(1), label=("zone", "us")))
    assert run(Read(View(chosen, 20, None, 0, None)))[1] == [Serve("1@2", document(1))]
    assert run(Read(View(chosen, 20, None, 0, None)), state=State("web-2", {"zone": "us"}))[1] == [
        Serve("2@2", document(2))
    ]


def test_it_wants_to_be_woken_only_while_cut_off_with_something_prepared() -> None:
    """An idle instance has no deadline."""
    assert run(*PREPARED)[0].due_ns is None
    assert run(Read(view(1)), Cut(5))[0].due_ns is None
    assert run(*PREPARED, Cut(5))[0].due_ns == 5 + (30 + 3 * TTL_S) * NS


def test_labels_have_a_version_and_an_epoch() -> None:
    """What is no label has neither."""
    assert parts_of(label_of("7", 12)) == ("7", 12)
    for other in ("", "7", "@1", "7@", "7@x"):
        assert parts_of(other) == ("", 0)
