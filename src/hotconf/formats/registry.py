"""The formats that there are. A new one is a module with a `Format`, and a line here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hotconf.arguments import wrong
from hotconf.formats import base
from hotconf.formats.base import Document, Format
from hotconf.formats.json.format import JSON
from hotconf.formats.toml.format import TOML
from hotconf.formats.yaml.format import YAML
from hotconf.problems import Problem
from hotconf.snapshot import SourceFile

if TYPE_CHECKING:
    from hotconf.formats.salvage import Salvage

FormatName: TypeAlias = Literal["toml", "yaml", "json"]
FORMATS: Final[tuple[Format, ...]] = (TOML, YAML, JSON)
DEFAULT: Final = TOML
"""Of files whose names do not say."""
_BY_SUFFIX: Final = {suffix: each for each in FORMATS for suffix in each.suffixes}
_NAMES: Final[dict[str, FormatName]] = {TOML.name: "toml", YAML.name: "yaml", JSON.name: "json"}
SUFFIXES: Final = tuple(_BY_SUFFIX)
"""Those of configuration files: what a directory of fragments is searched for."""


def is_configuration(path: PurePath) -> bool:
    """Whether the file at `path` is read as configuration, by its suffix, or only watched."""
    return path.suffix in _BY_SUFFIX


def format_of(path: Path) -> Format:
    """The format of the file at `path`, by its suffix, in upper or lower case, if none was given."""
    return _BY_SUFFIX.get(path.suffix.lower(), DEFAULT)


def format_in(file: SourceFile) -> Format:
    """The format of a file that was read."""
    return named(file.format) or format_of(file.path)


def document_of(file: SourceFile) -> Document | Problem:
    """What a file that was read holds, or what is wrong with it."""
    return parse(file.content, file.path, allow_empty=True, form=named(file.format))


def named(name: object) -> Format | None:
    """The format that is called `name`: `toml`, `yaml` or `json`; None for None. Raises `UsageError`."""
    found = next((each for each in FORMATS if each.name.lower() == name), None)
    if found is None and name is not None:
        raise wrong("format", name, f"one of {', '.join(each.name.lower() for each in FORMATS)}")
    return found


def name_of(form: Format) -> FormatName:
    """What it is called where it is chosen: `toml`, `yaml` or `json`."""
    return _NAMES[form.name]


def parse(data: bytes, path: Path, *, allow_empty: bool = False, form: Format | None = None) -> Document | Problem:
    """The document that `data`, the content of the file at `path`, holds, or what is wrong with it.

    `form`: None if the suffix decides. Where it does not either, TOML that is none says so.
    """
    found = base.parse(form or format_of(path), path, data, allow_empty=allow_empty)
    if form or not isinstance(found, Problem) or found.kind != "syntax" or path.suffix.lower() in _BY_SUFFIX:
        return found
    note = f"it is read as TOML because its name does not end in {', '.join(SUFFIXES)}"
    return replace(found, hint=note if found.hint is None else f"{found.hint}; {note}")


def salvage(first: Problem, data: bytes, path: Path, form: Format | None = None) -> Salvage:
    """All that is wrong with the syntax of `data`, of which `parse` found the `first`, and what is left of it."""
    from hotconf.formats import salvage  # late: for broken files only

    if first.kind != "syntax":
        return salvage.Salvage((first,))
    found = salvage.salvage(form or format_of(path), path, data.decode().removeprefix("\ufeff"), first)
    problems = (replace(each, file=each.file or path) for each in found.problems[1:])
    return found._replace(problems=(first, *problems))
