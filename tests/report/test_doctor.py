"""What an examination means, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hotconf.report.doctor import Directory, Examination, Limit, Other, Probe, as_json, findings, lines, to_fix
from hotconf.sources.files.mounts import Mount

EXT4 = Mount("/", "/", "ext4", "/dev/vda", read_only=False)
WELL = Examination(
    path=Path("/etc/app/config.toml"),
    links=(),
    target="/etc/app/config.toml",
    problem=None,
    size=5_000,
    max_bytes=1 << 20,
    directories=(Directory("/etc/app", exists=True, readable=True, writable=True),),
    mount=EXT4,
    mounted_alone=False,
    instances=Limit(3, 128),
    watches=Limit(250, 190_000),
    probe=Probe(0.42, "inotify"),
    debounce_ms=2000,
)


def finding(seen, topic):
    """What is said of it."""
    return next(each for each in findings(seen) if each.topic == topic)


def test_all_is_well():
    """Everything that was looked at is said, and what to expect."""
    assert lines(WELL) == [
        "/etc/app/config.toml",
        "  ok    file         5,000 bytes of at most 1,048,576, readable",
        "  ok    links        none on the way",
        "  ok    directories  1 directory on the way, readable",
        "  ok    file system  ext4 on /",
        "  ok    inotify      this user uses at least 3 of 128 instances",
        "  ok    inotify      this user uses at least 250 of 190,000 watches",
        "  ok    probe        a write next to the file was noticed after 0.4 ms",
        "  ok    expect       a save is noticed at once, and loaded after 2,000 ms without changes",
    ]
    assert not to_fix(findings(WELL))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("nfs4", "other machines"),
        ("fuse.sshfs", "other machines"),
        ("fuse.encfs", "behind it"),
        ("overlay", "lower layers"),
        ("proc", "no real files"),
    ],
)
def test_file_systems_that_do_not_tell_all(kind, word):
    """It is said what to expect; that is nothing to fix."""
    seen = replace(WELL, mount=replace(EXT4, kind=kind))
    assert word in finding(seen, "file system").text
    assert not to_fix(findings(seen))


@pytest.mark.parametrize(
    ("change", "topic", "word"),
    [
        ({"problem": "The file does not exist", "size": None}, "file", "does not exist"),
        ({"size": 0}, "file", "empty"),
        ({"mounted_alone": True}, "file system", "mounted as a single file"),
        ({"instances": Limit(128, 128)}, "inotify", "none is left"),
        ({"directories": (Directory("/x", exists=True, readable=False, writable=True),)}, "directories", "/x"),
        ({"probe": Probe(None, "inotify")}, "probe", "not noticed"),
        ({"probe": Probe(observer="poll", skipped="inotify is unavailable")}, "probe", "is unavailable"),
    ],
)
def test_what_has_to_be_fixed(change, topic, word):
    """And how."""
    seen = replace(WELL, **change)
    found = finding(seen, topic)
    assert found.verdict == "fix"
    assert word in found.text
    assert found.remedy
    assert to_fix(findings(seen))


@pytest.mark.parametrize(
    ("change", "topic", "word"),
    [
        ({"size": 1_040_000}, "file", "nearly too large"),
        ({"instances": Limit(120, 128)}, "inotify", "few are left"),
        ({"directories": (Directory("/x", exists=False, readable=False, writable=False),)}, "directories", "appears"),
        (
            {"directories": (Directory("/x", exists=True, readable=True, writable=False),)},
            "directories",
            "cannot save",
        ),
        ({"mount": None}, "file system", "does not report"),
        ({"probe": Probe(skipped="turned off by --no-probe")}, "probe", "skipped"),
    ],
)
def test_what_is_only_noted(change, topic, word):
    """Worth knowing, nothing to fix."""
    seen = replace(WELL, **change)
    assert finding(seen, topic).verdict == "note"
    assert word in finding(seen, topic).text
    assert not to_fix(findings(seen))


def test_the_other_files():
    """By what they lie on; each that cannot be read is named, and what cannot be known is said."""
    share = replace(EXT4, kind="nfs4", point="/mnt")
    others = (
        Other("/etc/app/a.toml", None, EXT4, mounted_alone=False),
        Other("/etc/app/b.toml", None, EXT4, mounted_alone=False),
        Other("/mnt/c.toml", None, share, mounted_alone=False),
        Other("/etc/app/d.toml", None, replace(EXT4, point="/etc/app/d.toml"), mounted_alone=True),
        Other("/etc/app/e.toml", "Permission denied", EXT4, mounted_alone=False),
    )
    seen = replace(WELL, others=others, unresolved=('watch_paths: "http://x" is a URL, not a file',))
    told = [(each.verdict, each.text) for each in findings(seen) if each.topic == "watch_paths"]
    assert told[:2] == [
        ("fix", '"http://x" is a URL, not a file'),
        ("fix", "/etc/app/e.toml: Permission denied"),
    ]
    assert told[2] == ("ok", "2 files on ext4 on /")
    secret = Other("/run/secrets/key", None, EXT4, mounted_alone=False, of="layers")
    assert [each.text for each in findings(replace(WELL, others=(secret,))) if each.topic == "layers"] == [
        "/run/secrets/key on ext4 on /"
    ]
    assert told[3][0] == "note"
    assert told[3][1].startswith("/mnt/c.toml on nfs4 on /mnt: the kernel does not report what other machines save")
    assert told[4][0] == "fix"
    assert "/etc/app/d.toml" in told[4][1]
    assert "mounted as a single file" in told[4][1]
    assert len(told) == 5
    assert "others within 2 s" in finding(seen, "expect").text


def test_a_bind_mount_and_a_chain_of_links():
    """Are fine, and shown."""
    seen = replace(
        WELL,
        mount=replace(EXT4, root="/host/etc"),
        links=(("/etc/app/config.toml", "..data/config.toml"),),
        target="/x",
    )
    assert (
        finding(seen, "file system").text == "ext4 on /, a bind mount of /host/etc: saves on both sides are reported"
    )
    assert finding(seen, "links").text.startswith("/etc/app/config.toml → /x")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "a save is noticed at once,"),
        ({"mount": replace(EXT4, kind="nfs4")}, "a save on this machine is noticed at once, others within 2 s,"),
        ({"probe": Probe(None, "inotify")}, "a save is noticed within 2 s,"),
        ({"probe": Probe(skipped="x")}, "a save is noticed at once where the kernel reports it, within 2 s where"),
    ],
)
def test_what_to_expect(change, expected):
    """In one sentence."""
    assert finding(replace(WELL, **change), "expect").text.startswith(expected)


def test_hostile_names_cannot_reach_the_terminal():
    """Nor make a line of their own."""
    evil = "/tmp/\x1b[2J\nfine.toml"
    seen = replace(WELL, path=Path(evil), target=evil, links=((evil, "x"),), mount=replace(EXT4, point="/\x1b"))
    assert "\x1b" not in "".join(lines(seen))
    assert len(lines(seen)) == len(lines(WELL))


def test_json():
    """Facts and findings, in a form that goes through JSON."""
    told = json.loads(json.dumps(as_json(replace(WELL, size=0))))
    assert told["ok"] is False
    assert told["findings"][0] == {
        "topic": "file",
        "verdict": "fix",
        "text": "it is empty, which is an error and never means all defaults",
        "remedy": "write to it",
    }
    assert told["facts"]["mount"]["kind"] == "ext4"
    assert told["facts"]["instances"] == {"used": 3, "allowed": 128}
