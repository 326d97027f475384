"""Recognises, by name, the copies that tools and people leave next to a file."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

_NUMBER: Final = r"\d{1,3}"
_COPY: Final = r"(?:copy|kopie|copie|copia|cópia)"
# A file name may have 255 bytes, and each of these reads it once from every possible start.
_PLAIN: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"\.sync-conflict-\d{8}-\d{6}\b", "a sync conflict of Syncthing"),
        (r"\(sfconflict ", "a sync conflict of Seafile"),
        (r"_conflict-\d{8}-\d{6}\b", "a sync conflict of ownCloud"),
        (r"\(.{0,100}\bconflict(?:ed)?(?: .{0,100})?\)", "a sync conflict"),
        (r"\.conflict\d{0,3}(?:\.|$)", "a sync conflict"),
        (rf"^{_COPY} (?:\({_NUMBER}\) )?(?:of|von|de|di) ", "made by a file manager"),
        (rf"(?: |- ){_COPY}(?: \({_NUMBER}\)| {_NUMBER})?(?:\.[^.]*)?$", "made by a file manager"),
        (rf"\((?:another |{_NUMBER}(?:st|nd|rd|th) )?{_COPY}(?: {_NUMBER})?\)", "made by a file manager"),
        (rf" \({_NUMBER}\)(?:\.[^.]*)?$", "numbered by a browser or file manager"),
        (r"_(?:backup|base|local|remote)_\d+(?:\.|$)", "left by git mergetool"),
        (r"_backup(?:\.|$)", "a backup"),
        (r"~$", "an editor's backup"),
        (r"^#.*#$", "an editor's unsaved text"),
        (r"\.sw[a-p]$", "an editor's swap file"),
        (r"\.(?:bak|bkp|bck)\d{0,3}(?:\.|$)", "a backup"),
        (r"\.(?:backup|old|save)(?:\.?\d{1,8})?$", "a backup"),
        (r"\.(?:orig|rej)(?:\.|$)", "left by a patch or merge"),
        (r"\.rpm(?:save|new|orig)(?:\.|$)", "left by rpm"),
        (r"\.dpkg-(?:dist|old|new|bak|tmp)(?:\.|$)", "left by dpkg"),
        (r"\.ucf-(?:dist|old|new)(?:\.|$)", "left by ucf"),
        (r"\.pac(?:new|save|orig)(?:\.|$)", "left by pacman"),
        (r"\.apk-(?:new|old)(?:\.|$)", "left by apk"),
        (r"\.(?:toml|ya?ml|json)[.-]\d{1,14}$", "a numbered backup"),
        (r"\.(?:toml|ya?ml|json)[.-]\d{4}-\d{2}-\d{2}", "a dated backup"),
    )
)
_BESIDE: Final = re.compile(r"^(.{1,200})[._-](?:backup|copy|old|save|prev|previous)\d{0,3}(\.[^.]+)$", re.IGNORECASE)
"""Names that may be intended, such as `zero-copy.toml`: a copy only if the file that it is named after exists."""
_ORDINARY: Final = re.compile(r"[\w-]+\.(?:toml|ya?ml|json)", re.ASCII)
_WORDS: Final = ("backup", "_base_", "_conflict-", "_local_", "_remote_", "copy", "old", "save", "prev")


def copy_of(name: str, beside: Container[str] = ()) -> str | None:
    """What kind of copy a file is, by its name and its neighbours'; None if it is not obviously a copy."""
    if _ORDINARY.fullmatch(name) and not any(word in name.lower() for word in _WORDS):
        return None  # nearly always
    for pattern, what in _PLAIN:
        if pattern.search(name):
            return what
    found = _BESIDE.match(name)
    return "a backup" if found is not None and f"{found[1]}{found[2]}" in beside else None
