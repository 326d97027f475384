"""What keys hold, and where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.errors import UsageError
from hotconf.fleet.errors import MalformedError
from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.records import (
    Canary,
    Current,
    Document,
    Instance,
    Offer,
    Pause,
    Record,
    Vote,
    no,
    rank,
    yes,
)
from hotconf.fleet.publishing.results import members
from hotconf.text import natural

DOCUMENT = Document("7", "ab" * 32, "yaml")
CURRENT = Current(12, DOCUMENT, "id", "me", "2026-11-30T12:00:00Z", "a note", "promote")
RECORDS: list[Record] = [
    CURRENT,
    replace(CURRENT, canary=Canary("1", DOCUMENT, salt="s", until="0" * 16), all_or_nothing=True),
    replace(CURRENT, canary=Canary("zone=eu", DOCUMENT, label=("zone", "eu"))),
    Offer(DOCUMENT, 13, 100, 30.0, "me", "note", "id"),
    Pause("me", "now", "why"),
    Instance("7", 12, "nack", 13, "port: too large", "now", "host", 1, {"zone": "eu"}),
    Instance("", 0, "deferred"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_what_is_stored_is_read(record: Record) -> None:
    """Also with fields that a newer hotconf added."""
    stored = record.encode()
    assert type(record).decode(b"k", stored) == record
    assert type(record).decode(b"k", stored[:-1] + b',"later":1}') == record


@given(st.binary(max_size=40) | st.sampled_from([b"{}", b"null", b"[]", b'{"epoch":"1"}', b"[" * 100_000]))
def test_what_is_no_record_is_refused(data: bytes) -> None:
    """With the key, and without a word of what is there."""
    for kind in (Current, Offer, Instance):
        with pytest.raises(MalformedError, match=r"^ctl/current holds no record of a fleet$"):
            kind.decode(b"ctl/current", data)


@pytest.mark.parametrize("field", ["epoch", "document", "publish_id", "canary", "action", "all_or_nothing"])
def test_fields_have_their_types(field: str) -> None:
    """A number is no text, a truth value is no number, and an unknown action is none."""
    for wrong in ("true", '"x"', "3", "[]", '{"rule":1}'):
        stored = CURRENT.encode().decode()
        with_it = stored[:-1] + f',"{field}":{wrong}' + "}"
        fits = {"epoch": "3", "publish_id": '"x"', "all_or_nothing": "true"}
        if fits.get(field) == wrong:
            Current.decode(b"k", with_it.encode())
        else:
            with pytest.raises(MalformedError):
                Current.decode(b"k", with_it.encode())


def test_votes() -> None:
    """What is none counts as no answer, never as a yes."""
    assert Vote.decode(yes("7")) == Vote("yes", "7")
    assert Vote.decode(no("7", "port: too large")) == Vote("no", "7", "port: too large")
    for other in (b"-", b"", b"yes", b"yes 7 but", b"YES 7", b"\xff"):
        assert Vote.decode(other).answer is None


def test_canaries_are_the_same_for_all() -> None:
    """By rank or by label; everybody else serves what is stable."""
    names = [f"web-{at}" for at in range(100)]
    until = sorted(rank("salt", name) for name in names)[9]
    stable = Document("6", "cd" * 32)
    current = replace(CURRENT, canary=Canary("10%", stable, salt="salt", until=until))
    assert sum(current.document_for(name, {}) == DOCUMENT for name in names) == 10
    labelled = replace(CURRENT, canary=Canary("zone=eu", stable, label=("zone", "eu")))
    assert labelled.document_for("web-1", {"zone": "eu"}) == DOCUMENT
    assert labelled.document_for("web-1", {"zone": "us"}) == labelled.document_for("web-1", {}) == stable


def test_epochs_are_in_order_as_keys() -> None:
    """So that the last entries are found without reading all."""
    keys = Keys.of("shop/prod")
    assert keys.root == b"/hotconf/shop/prod/"
    assert keys.entry(9) < keys.entry(10) < keys.entry(10**9)


@pytest.mark.parametrize("name", ["", "/shop", "shop/", "a//b", "a b", "shop/ctl", "doc", "ä", None, "a" * 200])
def test_names_that_cannot_be(name: str) -> None:
    """Among them those below which another fleet would see keys of this one."""
    with pytest.raises(UsageError, match="name"):
        Keys.of(name)


def test_instances_are_in_their_natural_order() -> None:
    """Numbers in names are numbers, and the same names are always in the same order."""
    names = ["Web-1", "db", "web", "web-", "web-0", "web-1", "web-01", "web-2", "web-2a", "web-10", "web-10.2", "x"]
    ids = [(name, "b") for name in reversed(names)]
    said = Instance("1", 1, "ack")
    assert [member.instance for member in members(None, dict.fromkeys(ids, said), {})] == [
        *("Web-1", "db", "web", "web-", "web-0", "web-01", "web-1", "web-2", "web-2a", "web-10", "web-10.2", "x")
    ]


@given(st.text("ab-01٣", max_size=8), st.text("ab-01٣", max_size=8), st.integers(0, 10**6), st.integers(0, 10**6))
def test_natural_order_is_an_order(one: str, other: str, low: int, high: int) -> None:
    """Two texts are equal or one is first; a higher number comes later; digits of any length are no error."""
    assert (natural(one) == natural(other)) == (one == other)
    assert (natural(f"{one}-{low}") < natural(f"{one}-{high}")) == (low < high)
    assert natural("9" * 5000) < natural("1" + "0" * 5000)
