"""Which names are obviously those of copies."""

from __future__ import annotations

import random
import string

import pytest

from hotconf.sources.files.copies import copy_of

COPIES = (
    "limits.sync-conflict-20260412-101530-K7QX2PA.toml",
    "limits (conflicted copy).toml",
    "limits (Bob's conflicted copy 2026-04-12).toml",
    "limits (conflicted copy 2026-04-12 101530).toml",
    "limits (Case Conflict).toml",
    "limits_conflict-20260412-101530.toml",
    "limits (SFConflict bob@example.org 2026-04-12-10-15-30).toml",
    "limits.Conflict.toml",
    "limits.toml.conflict1",
    "Copy of limits.toml",
    "Copy (2) of limits.toml",
    "Kopie von limits.toml",
    "limits copy.toml",
    "limits copy 2.toml",
    "limits - Copy.toml",
    "limits - Copy (2).toml",
    "limits (copy).toml",
    "limits (another copy).toml",
    "limits (3rd copy).toml",
    "limits (copy 1).toml",
    "limits (1).toml",
    "limits_BACKUP_4711.toml",
    "limits_BASE_4711.toml",
    "limits_LOCAL_4711.toml",
    "limits_REMOTE_4711.toml",
    "limits_backup.toml",
    "limits_backup.yaml",
    "limits.toml~",
    "limits.toml.~1~",
    "limits.toml.4711.2026-04-12@10:15:30~",
    "#limits.toml#",
    ".limits.toml.swp",
    "limits.toml.swp",
    ".limits.toml.swo",
    "limits.toml.bak",
    "limits.bak",
    "limits.bak.toml",
    "limits.bak2.toml",
    "limits.toml.bak1",
    "limits.toml.old",
    "limits.toml.save",
    "limits.toml.save.1",
    "limits.toml.backup",
    "limits.toml.orig",
    "limits.orig.toml",
    "limits.toml.rej",
    "limits.toml.rpmsave",
    "limits.toml.rpmnew",
    "limits.toml.rpmorig",
    "limits.toml.dpkg-dist",
    "limits.toml.dpkg-old",
    "limits.toml.dpkg-new",
    "limits.toml.ucf-dist",
    "limits.toml.ucf-old",
    "limits.toml.ucf-new",
    "limits.toml.pacnew",
    "limits.toml.apk-new",
    "limits.toml.1",
    "limits.toml-20260412",
    "limits.toml.20260412",
    "limits.toml.2026-04-12",
)

INNOCENTS = (
    "limits.toml",
    "10-limits.toml",
    "backup.toml",
    "10-backup.toml",
    "nightly.backup.toml",
    "copy.toml",
    "zero-copy.toml",
    "zero_copy.toml",
    "copyright.toml",
    "photocopy of.toml",
    "conflict.toml",
    "conflicts_2026.toml",
    "sync-conflict.toml",
    "old.toml",
    "threshold.toml",
    "save.toml",
    "orig.toml",
    "original.toml",
    "bak.toml",
    "rej.toml",
    "reject.toml",
    "rpmsave.toml",
    "limits (prod).toml",
    "limits (v2).toml",
    "limits v2.toml",
    "limits-2026.toml",
    "limits-20260412.toml",
    "2026-04-12.toml",
    "limits.prod.toml",
    "limits.1.toml",
    "v1.2.toml",
    "local.toml",
    "settings_local.toml",
    "remote_base.toml",
    "base_1.toml",
    "baker.toml",
    "swap.toml",
    "ca.pem",
    "README.md",
)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_known_by_its_name(name):
    """Whatever else is in its directory, and in any case."""
    assert copy_of(name)
    assert copy_of(name.upper())


@pytest.mark.parametrize("name", INNOCENTS)
def test_what_may_be_meant_so_is_no_copy(name):
    """Beside files with other names."""
    assert copy_of(name, ("config.toml", "a.toml")) is None


@pytest.mark.parametrize(
    "name", ["limits-backup.toml", "limits.old.toml", "limits_copy.toml", "limits-copy2.toml", "limits.save.toml"]
)
def test_a_doubtful_name_is_a_copy_beside_what_it_is_named_after(name):
    """And only there."""
    assert copy_of(name, ("limits.toml", name)) == "a backup"
    assert copy_of(name, ("other.toml", name)) is None


def test_names_of_letters_and_digits_are_no_copies():
    """Random ones, of the form that nearly all fragments have."""
    dice = random.Random(3)
    letters = string.ascii_lowercase + string.digits
    for _ in range(500):
        name = "".join(dice.choices(letters, k=dice.randint(1, 12)))
        assert copy_of(f"{name}.toml", (f"{name}.toml",)) is None
