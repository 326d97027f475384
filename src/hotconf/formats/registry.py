"""The formats that there are. A new one is a module with a `Format`, and a line here."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

from hotconf.formats import base
from hotconf.formats.base import Document, Format
from hotconf.formats.json.format import JSON
from hotconf.formats.toml.format import TOML
from hotconf.formats.yaml.format import YAML
from hotconf.problems import Problem

FORMATS: Final[tuple[Format, ...]] = (TOML, YAML, JSON)
DEFAULT: Final = TOML
"""Of files whose names do not say."""
_BY_SUFFIX: Final = {suffix: each for each in FORMATS for suffix in each.suffixes}
SUFFIXES: Final = tuple(_BY_SUFFIX)
"""Those of configuration files: what a directory of fragments is searched for."""


def is_configuration(path: PurePath) -> bool:
    """Whether the file at `path` is read as configuration, by its suffix, or only watched."""
    return path.suffix in _BY_SUFFIX


def format_of(path: Path) -> Format:
    """The format of the file at `path`, by its suffix."""
    return _BY_SUFFIX.get(path.suffix, DEFAULT)


def parse(data: bytes, path: Path, *, allow_empty: bool = False) -> Document | Problem:
    """The document that `data`, the content of the file at `path`, holds, or what is wrong with it."""
    return base.parse(format_of(path), path, data, allow_empty=allow_empty)
