"""`SecretsDir`: a directory with a file for each key, as Docker and Kubernetes mount secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from glob import escape
from pathlib import Path

from hotconf import arguments
from hotconf.config.layers import TextTable
from hotconf.problems import Problem
from hotconf.snapshot import Origin
from hotconf.sources.base import FileLayer
from hotconf.sources.env import NESTED, check_names
from hotconf.sources.files import paths


class SecretsDir(FileLayer):
    """The files of a directory: `/run/secrets/db__password` holds `db.password`. White space around it is removed.

    Names and values mean what they do in `Env`; all values are secrets. Hidden files, and directories, do not count.
    The directory is watched; a change of a file, or of the link that Kubernetes swaps, is a reload.
    """

    __slots__ = ("_name", "case_sensitive", "nested", "path", "prefix")

    def __init__(
        self,
        path: str | os.PathLike[str],
        prefix: str = "",
        *,
        nested: str | None = NESTED,
        case_sensitive: bool = False,
    ) -> None:
        """`path`: relative to the current working directory; it may come later. The rest is as for `Env`.

        Raises `UsageError` for arguments that cannot work.
        """
        check_names(prefix, nested, case_sensitive)
        self._name = arguments.path("path", path)
        self.path = paths.absolute(self._name)
        self.prefix = prefix
        self.nested = nested
        self.case_sensitive = case_sensitive

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def paths(self) -> tuple[str, ...]:
        """All its files."""
        return (os.path.join(escape(os.fspath(self.path)), "*"),)

    def __repr__(self) -> str:
        return f"SecretsDir({self._name!r})"

    def parse(self, files: Mapping[Path, bytes]) -> TextTable:
        """What the files hold."""
        found: dict[str, tuple[str, Origin]] = {}
        problems = []
        begin = self.prefix if self.case_sensitive else self.prefix.lower()
        for path, data in files.items():
            name = path.name
            if path.parent != self.path or not (name if self.case_sensitive else name.lower()).startswith(begin):
                continue
            try:
                text = data.decode().strip()
            except UnicodeDecodeError:
                problems.append(Problem("File is not UTF-8", kind="encoding", file=path, hint="save it as UTF-8"))
                continue
            if rest := name[len(begin) :]:
                where = os.path.join(self._name, name)
                found[rest] = (text, Origin(self._name, where, path))
        return TextTable(
            self._name,
            found,
            self.prefix,
            self.nested,
            self.case_sensitive,
            secret=True,
            own=True,
            problems=tuple(problems),
        )
