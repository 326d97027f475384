"""Recognises, by name, the copies that tools and people leave next to a file."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache
from typing import Final

_NUMBER: Final = r"\d{1,3}"
_COPY: Final = r"(?:copy|kopie|copie|copia|cópia)"
_BESIDE: Final = re.compile(r"^(.{1,200})[._-](?:backup|copy|old|save|prev|previous)\d{0,3}(\.[^.]+)$", re.IGNORECASE)
"""Names that may be intended, such as `zero-copy.toml`: a copy only if the file that it is named after exists."""
_ORDINARY: Final = re.compile(r"[\w-]+\.(?:toml|ya?ml|json)", re.ASCII)
_WORDS: Final = ("backup", "_base_", "_conflict-", "_local_", "_remote_", "copy", "old", "save", "prev")


def copy_of(name: str, beside: Container[str] = ()) -> str | None:
    """What kind of copy a file is, by its name and its neighbours'; None if it is not obviously a copy."""
    if _ORDINARY.fullmatch(name) and not any(word in name.lower() for word in _WORDS):
        return None  # nearly always
    for pattern, what in _kinds():
        if pattern.search(name):
            return what
    found = _BESIDE.match(name)
    return "a backup" if found is not None and f"{found[1]}{found[2]}" in beside else None


@cache
def _kinds() -> list[tuple[re.Pattern[str], str]]:
    """Compiled here and not at import: it takes 2.5 ms, and few programs have a fragment of so odd a name.

    A file name may have 255 bytes, and each of these reads it once from every possible start.
    """
    return [
        (re.compile(r"(?i)\.sync-conflict-\d{8}-\d{6}\b"), "a sync conflict of Syncthing"),
        (re.compile(r"(?i)\(sfconflict "), "a sync conflict of Seafile"),
        (re.compile(r"(?i)_conflict-\d{8}-\d{6}\b"), "a sync conflict of ownCloud"),
        (re.compile(r"(?i)\(.{0,100}\bconflict(?:ed)?(?: .{0,100})?\)"), "a sync conflict"),
        (re.compile(r"(?i)\.conflict\d{0,3}(?:\.|$)"), "a sync conflict"),
        (re.compile(rf"(?i)^{_COPY} (?:\({_NUMBER}\) )?(?:of|von|de|di) "), "made by a file manager"),
        (
            re.compile(rf"(?i)(?: |- ){_COPY}(?: \({_NUMBER}\)| {_NUMBER})?(?:\.[^.]*)?$"),
            "made by a file manager",
        ),
        (
            re.compile(rf"(?i)\((?:another |{_NUMBER}(?:st|nd|rd|th) )?{_COPY}(?: {_NUMBER})?\)"),
            "made by a file manager",
        ),
        (re.compile(rf"(?i) \({_NUMBER}\)(?:\.[^.]*)?$"), "numbered by a browser or file manager"),
        (re.compile(r"(?i)_(?:backup|base|local|remote)_\d+(?:\.|$)"), "left by git mergetool"),
        (re.compile(r"(?i)_backup(?:\.|$)"), "a backup"),
        (re.compile(r"(?i)~$"), "an editor's backup"),
        (re.compile(r"(?i)^#.*#$"), "an editor's unsaved text"),
        (re.compile(r"(?i)\.sw[a-p]$"), "an editor's swap file"),
        (re.compile(r"(?i)\.(?:bak|bkp|bck)\d{0,3}(?:\.|$)"), "a backup"),
        (re.compile(r"(?i)\.(?:backup|old|save)(?:\.?\d{1,8})?$"), "a backup"),
        (re.compile(r"(?i)\.(?:orig|rej)(?:\.|$)"), "left by a patch or merge"),
        (re.compile(r"(?i)\.rpm(?:save|new|orig)(?:\.|$)"), "left by rpm"),
        (re.compile(r"(?i)\.dpkg-(?:dist|old|new|bak|tmp)(?:\.|$)"), "left by dpkg"),
        (re.compile(r"(?i)\.ucf-(?:dist|old|new)(?:\.|$)"), "left by ucf"),
        (re.compile(r"(?i)\.pac(?:new|save|orig)(?:\.|$)"), "left by pacman"),
        (re.compile(r"(?i)\.apk-(?:new|old)(?:\.|$)"), "left by apk"),
        (re.compile(r"(?i)\.(?:toml|ya?ml|json)[.-]\d{1,14}$"), "a numbered backup"),
        (re.compile(r"(?i)\.(?:toml|ya?ml|json)[.-]\d{4}-\d{2}-\d{2}"), "a dated backup"),
    ]
