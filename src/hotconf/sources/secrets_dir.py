"""`SecretsDir`: a directory with a file for each key, as Docker and Kubernetes mount secrets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotconf import arguments
from hotconf.config.layers import TextTable, at_origin
from hotconf.keypath import KeyPath
from hotconf.problems import Problem
from hotconf.snapshot import Origin
from hotconf.sources.base import FileLayer, TextLayer
from hotconf.sources.env import NESTED, check_names, name_of
from hotconf.sources.files import paths
from hotconf.sources.files.paths import MOST_FILES

if TYPE_CHECKING:
    from hotconf.schema import Schema


class SecretsDir(FileLayer, TextLayer):
    """The files of a directory: `/run/secrets/db__password` holds `db.password`. White space around it is removed.

    Names and values mean what they do in `Env`; all values are secrets. Hidden files and directories are ignored.
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

    def spelling(self, path: Path) -> str:
        """`secrets/db_password`, as where the value comes from says it."""
        return os.path.join(self._name, path.name) if path.parent == self.path else ""

    def __repr__(self) -> str:
        return f"SecretsDir({self._name!r})"

    def way(self, path: KeyPath, *, secret: bool) -> str | None:
        """`write secrets/db_password`; only for secrets."""
        name = name_of(path, self.prefix, self.nested, case_sensitive=self.case_sensitive) if secret else None
        return name and f"write {os.path.join(self._name, name if self.case_sensitive else name.lower())}"

    def taken(self, found: Sequence[str], schema: Schema[Any]) -> Iterable[str]:
        """Those that a field takes, or that are probably misspelt: others may be the secrets of other programs."""
        from hotconf.config.decoding.decode import decode  # late: as for all layers of texts
        from hotconf.config.shape import shape_of

        begin, texts = os.fspath(self.path), dict[str, tuple[str, Origin]]()
        for path in found:
            directory, name = os.path.split(path)
            if directory == begin and (rest := self._rest(name)):
                texts[rest] = (path, Origin(self._name, path))
        if len(texts) > MOST_FILES:
            return [path for path, _ in texts.values()]  # too many to ask
        layer = decode(self._table(texts, ()), shape_of(schema))
        return [*(each.where for each in layer.origins.values()), *(each.where for each in layer.problems)]

    def parse(self, files: Mapping[Path, bytes]) -> TextTable:
        """What the files hold."""
        found: dict[str, tuple[str, Origin]] = {}
        problems = []
        for path, data in files.items():
            if path.parent != self.path or not (rest := self._rest(path.name)):
                continue
            origin = Origin(self._name, os.path.join(self._name, path.name), path)
            try:
                text = data.decode().removeprefix("\ufeff").strip()
            except UnicodeDecodeError:
                problem = Problem("File is not UTF-8", kind="encoding", hint="save it as UTF-8")
                problems.append(at_origin(problem, origin))
                continue
            found[rest] = (text, origin)
        return self._table(found, tuple(problems))

    def _rest(self, name: str) -> str:
        """`name` behind the prefix; empty if it does not begin with that."""
        begin, end = name[: len(self.prefix)], name[len(self.prefix) :]
        return (
            end if begin == self.prefix or (not self.case_sensitive and begin.lower() == self.prefix.lower()) else ""
        )

    def _table(self, found: dict[str, tuple[str, Origin]], problems: tuple[Problem, ...]) -> TextTable:
        return TextTable(
            self._name,
            found,
            self.prefix,
            self.nested,
            self.case_sensitive,
            secret=True,
            own=True,
            problems=problems,
        )
