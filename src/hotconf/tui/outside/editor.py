"""The person's editor, and its arguments that open a file at a line and a column."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hotconf.errors import UsageError

if TYPE_CHECKING:
    from hotconf.tui.view.rows import Place

_VIM: Final = frozenset({"vi", "vim", "nvim", "view", "gvim", "vimx"})
_PLUS_COLUMN: Final = frozenset({"emacs", "emacsclient", "kak", "micro"})
_COLON: Final = frozenset({"hx", "helix", "subl", "zed"})
_CODE: Final = frozenset({"code", "codium", "cursor", "code-insiders"})


def editor(environment: Mapping[str, str]) -> str:
    """The command that `environment` names as its editor: `$VISUAL`, `$EDITOR`, else `vi`."""
    return environment.get("VISUAL") or environment.get("EDITOR") or "vi"


def command(editor: str, place: Place) -> list[str]:
    """The command line that opens `place` in `editor` and ends when the person is done.

    Editors that are not known are given the file alone. Raises `UsageError` if `editor` is no command line.
    """
    try:
        words = shlex.split(editor)
    except ValueError as error:
        raise UsageError(f"the editor {editor!r} is not a command: {error}") from error
    if not words:
        raise UsageError("the editor is empty: set VISUAL or EDITOR")
    return [*words, *_arguments(Path(words[0]).name, str(place.file), place.line or 1, place.column or 1)]


def _arguments(name: str, file: str, line: int, column: int) -> list[str]:
    if name in _VIM:
        return [f"+call cursor({line},{column})", "--", file]
    if name == "nano":
        return [f"+{line},{column}", file]
    if name in _PLUS_COLUMN:
        return [f"+{line}:{column}", file]
    if name in _COLON:
        return [f"{file}:{line}:{column}"]
    if name in _CODE:
        return ["--wait", "--goto", f"{file}:{line}:{column}"]
    return [file]
