"""States as bytes: what comes back is what was kept, or a reason, never something else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.history.record import MAGIC, MAX_KEYS, MAX_LINE, MAX_LINES, Damage, Record, decode, encode
from hotconf.snapshot import SourceFile

MAIN, MORE = Path("/etc/app/config.toml"), Path("/etc/app/more.toml")
AT = datetime(2026, 11, 25, 14, 3, 22, 123456, UTC)
RECORD = Record(
    12,
    AT,
    (SourceFile(MAIN, "main", b"a = 1\n"), SourceFile(MORE, "fragment", b"\0\n")),
    ("a: 0 → 1", "b: 2"),
    frozenset({"greeting", "\0"}),
)


def forged(index: object, contents: bytes = b"") -> bytes:
    """A record with a checksum that is right."""
    body = json.dumps(index).encode() + b"\n" + contents
    return MAGIC + sha256(body).hexdigest().encode() + b"\n" + body


def test_there_and_back():
    """All of it comes back: bytes, paths, roles, order, number, time, summary."""
    assert decode(encode(RECORD), 12, MAIN) == RECORD
    assert RECORD.size == 8


@given(
    contents=st.lists(st.binary(max_size=200), min_size=1, max_size=5),
    names=st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=4, max_size=4),
    summary=st.lists(st.text(max_size=50), max_size=5),
)
def test_whatever_the_files_hold_and_are_called(contents, names, summary):
    """Any bytes, any names, even those that are not text."""
    paths = [MAIN, *(Path("/d") / f"{n}{name}" for n, name in enumerate(names))]
    files = tuple(
        SourceFile(path, "fragment" if n else "main", data)
        for n, (path, data) in enumerate(zip(paths, contents, strict=False))
    )
    found = decode(encode(Record(1, AT, files, tuple(summary))), 1, MAIN)
    assert isinstance(found, Record)
    assert found.files == files
    assert encode(found) == encode(Record(1, AT, files, tuple(summary)))


def test_secret_keys():
    """As many as are kept; a state from before they were is without."""
    many = frozenset(f"key{n:03}" for n in range(MAX_KEYS + 50))
    found = decode(encode(Record(1, AT, RECORD.files, secret_keys=many)), 1, MAIN)
    assert isinstance(found, Record)
    assert found.secret_keys < many
    assert len(found.secret_keys) == MAX_KEYS
    index = {"number": 1, "at": AT.isoformat(), "summary": [], "files": [[str(MAIN), "main", 0]]}
    assert decode(forged(index), 1, MAIN) == Record(1, AT, (SourceFile(MAIN, "main", b""),))


def test_names_that_are_not_unicode():
    """Linux allows them."""
    odd = Path("/etc/\udcff.toml")
    record = Record(1, AT, (SourceFile(odd, "main", b""),))
    assert decode(encode(record), 1, odd) == record


def test_cut_off_anywhere():
    """A record that was cut off, at any byte, is no record."""
    data = encode(RECORD)
    assert all(isinstance(decode(data[:end], 12, MAIN), Damage) for end in range(len(data)))


def test_longer_than_it_was():
    """Neither is one with something behind it."""
    assert decode(encode(RECORD) + b"\0", 12, MAIN) == Damage("wrong checksum")


def test_altered_anywhere():
    """No bit of a record can be altered unseen."""
    data = encode(RECORD)
    for at in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[at] ^= 1 << bit
            assert isinstance(decode(bytes(altered), 12, MAIN), Damage), (at, bit)


def test_any_range_altered():
    """Zeroed, as after a loss of power, missing, or there twice: whatever range it is, it is seen."""
    data = encode(RECORD)
    for begin in range(len(data)):
        for end in range(begin + 1, len(data) + 1, 1 + begin % 7):
            for altered in (
                data[:begin] + bytes(end - begin) + data[end:],
                data[:begin] + data[end:],
                data[:end] + data[begin:],
            ):
                assert altered == data or isinstance(decode(altered, 12, MAIN), Damage), (begin, end)


def test_under_another_name():
    """A record that was renamed, or brought from another configuration, is not taken for what it is not."""
    assert decode(encode(RECORD), 13, MAIN) == Damage("it is state 12 under another name")
    assert decode(encode(RECORD), 12, MORE) == Damage("it belongs to another configuration")


def nest(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Arrays and tables of these."""
    return st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=4)


GOOD = {"number": 12, "at": AT.isoformat(), "summary": [], "files": [[str(MAIN), "main", 0]]}


@pytest.mark.parametrize(
    "index",
    [
        [],
        None,
        {},
        GOOD | {"files": []},
        GOOD | {"files": [[str(MAIN), "main", 1]]},
        GOOD | {"files": [[str(MAIN), "main", -1]]},
        GOOD | {"files": [[str(MAIN), "main", "0"]]},
        GOOD | {"files": [[str(MAIN), "fragment", 0]]},
        GOOD | {"files": [[str(MAIN), "main", 0], [str(MORE), "main", 0]]},
        GOOD | {"files": [[str(MAIN), "watched", 0]]},
        GOOD | {"files": [[None, "main", 0]]},
        GOOD | {"files": [[str(MAIN), "main"]]},
        GOOD | {"at": "yesterday"},
        GOOD | {"at": "2026-11-25T14:03:22"},
        GOOD | {"at": 7},
        GOOD | {"number": "x"},
        GOOD | {"summary": None},
    ],
)
def test_an_index_that_makes_no_sense(index):
    """Even one whose checksum is right is looked at with care."""
    assert isinstance(decode(forged(GOOD), 12, MAIN), Record)
    found = decode(forged(index), 12, MAIN)
    assert isinstance(found, Damage)
    assert "is malformed" in found.reason


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), nest, max_leaves=8))
def test_whatever_is_in_the_index(junk):
    """Nothing that JSON can say makes the reader raise."""
    assert isinstance(decode(forged(junk), 12, MAIN), Damage)
    for key in GOOD:
        assert isinstance(decode(forged(GOOD | {key: junk}), 12, MAIN), Damage | Record)


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are(junk):
    """Neither do any bytes, with the right checksum or without."""
    assert isinstance(decode(junk, 12, MAIN), Damage)
    body = MAGIC + sha256(junk).hexdigest().encode() + b"\n" + junk
    assert isinstance(decode(body, 12, MAIN), Damage)


def test_not_a_record():
    """What another version wrote, or no hotconf at all."""
    for data in (b"", b"a = 1\n", b"hotconf state 2\n", MAGIC[:-1]):
        assert decode(data, 12, MAIN) == Damage("not a state that this version of hotconf can read")


def test_the_summary_is_bounded_and_printable():
    """However much changed, and whatever it says, the index stays small and is fit to be shown."""
    lines = ("\x1b[31m\u202ered\n", "x" * 1000, *(f"line {n}" for n in range(50)))
    found = decode(encode(Record(12, AT, RECORD.files, lines)), 12, MAIN)
    assert isinstance(found, Record)
    assert found.summary[0] == "\\x1b[31m\\u202ered\\n"
    assert len(found.summary[1]) == MAX_LINE
    assert len(found.summary) == MAX_LINES + 1
    assert found.summary[-1] == "… and 32 more"
