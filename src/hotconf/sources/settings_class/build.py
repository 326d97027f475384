"""`Builder`: the sources of one `BaseSettings` class, built as the class itself does, from public parts only."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    JsonConfigSettingsSource,
    SecretsSettingsSource,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)

from hotconf.sources.files import paths
from hotconf.sources.settings_class import private

Source: TypeAlias = Callable[[], dict[str, Any]]

_OF_FILES = (TomlConfigSettingsSource, YamlConfigSettingsSource, JsonConfigSettingsSource)
_OWN_FILES = ("toml_file_path", "yaml_file_path", "json_file_path")
"""Where these say which files they read."""
_RUNNERS = frozenset({"hotconf", "pytest", "py.test"})
"""Programs whose command line is not that of the program with the settings."""


class Built(NamedTuple):
    """The sources of one load, strongest first."""

    over: tuple[Source, ...]
    """Those that override the files."""
    under: tuple[Source, ...]
    """Beginning with the class's own source of TOML, YAML or JSON, those that the files override."""


class MovedError(Exception):
    """A source was made with a relative path, and has read something else than the one at the start."""

    def __init__(self, source: str, name: str) -> None:
        super().__init__(
            f"{name.removesuffix('_path')} of {source} is relative, and the working directory has changed"
        )
        self.hint = "give it an absolute path"


class Builder:
    """Builds the sources of `settings` for each load. Command lines are parsed once, by the first one."""

    def __init__(self, settings: type[BaseSettings], *, flags: bool) -> None:
        """Relative paths are relative to the current working directory. `flags`: parse the command line."""
        self.settings = settings
        self._home = _here()
        self._flags = flags and not _is_runner(sys.argv[0] if sys.argv else "")
        self._parsed: dict[int, Source] = {}
        """The sources of command lines, by their place; -1: that which the class's configuration asks for."""
        config = settings.model_config
        self.env_files = dict(_absolute(config.get("env_file"), self._home, config.get("env_file_depth") or 0))
        """With the names that the class has for them."""
        self.secrets_dirs = dict(_absolute(config.get("secrets_dir"), self._home))

    def build(self, files: Mapping[Path, bytes]) -> Built:
        """Their sources, as they are now. Raises what they raise, and `MovedError`.

        `files`: those of variables and secrets that may be read, with what they hold; others are too large, no files,
        or not UTF-8. What has changed since is not read either: that may be too large, and is another load's.
        """
        cls = self.settings
        env_files = [path for path in self.env_files if _may_be_read(path, files)]
        init = InitSettingsSource(cls, init_kwargs={})
        given = cls.settings_customise_sources(
            cls,
            init_settings=init,
            env_settings=EnvSettingsSource(cls),
            dotenv_settings=DotEnvSettingsSource(cls, env_file=env_files or None),
            file_secret_settings=SecretsSettingsSource(
                cls, secrets_dir=[path for path in self.secrets_dirs if os.path.exists(path)]
            ),
        )
        sources = [self._kept(place, source) for place, source in enumerate(given) if source is not init]
        if _here() != self._home:
            for source in sources:
                self._anchor(source)
        if not any(isinstance(source, CliSettingsSource) for source in sources):
            sources = [*self._of_command_line(), *sources]
        for source in sources:
            if isinstance(source, SecretsSettingsSource):
                _restrict(source, files)
        own = (place for place, source in enumerate(sources) if isinstance(source, _OF_FILES))
        place = next(own, len(sources))
        return Built(tuple(sources[:place]), tuple(sources[place:]))

    def _anchor(self, source: Any) -> None:
        """Let relative paths of a source that the class makes mean what they meant when the watcher was made."""
        for name in ("env_file", "secrets_dir", *_OWN_FILES):
            given = getattr(source, name, None)
            if not any(map(_is_relative, _listed(given))):
                continue
            if name in _OWN_FILES:
                raise MovedError(type(source).__name__, name)
            paths = [path for path, _ in _absolute(given, self._home, getattr(source, "env_file_depth", 0) or 0)]
            setattr(source, name, paths)
            if isinstance(source, DotEnvSettingsSource):
                private.read_again(source)

    def _kept(self, place: int, source: Any) -> Source:
        if not isinstance(source, CliSettingsSource):
            return cast("Source", source)
        if place not in self._parsed:
            asked = self.settings.model_config.get("cli_parse_args")
            if self._flags and asked not in (None, False) and not source.env_vars:
                source(args=asked)
            self._parsed[place] = source
        return self._parsed[place]

    def _of_command_line(self) -> Iterator[Source]:
        asked = self.settings.model_config.get("cli_parse_args")
        if asked is None:
            return
        if -1 not in self._parsed:
            self._parsed[-1] = CliSettingsSource(self.settings, cli_parse_args=asked if self._flags else False)
        yield self._parsed[-1]


def files_of(built: Built) -> Iterator[Path]:
    """The files that sources of a class's own read."""
    for source in (*built.over, *built.under):
        for name in ("env_file", *_OWN_FILES):
            for path, _ in _absolute(getattr(source, name, None), _here()):
                yield path


def directories_of(built: Built) -> Iterator[tuple[Path, Source]]:
    """The directories of secrets that they read, and which of them does."""
    for source in (*built.over, *built.under):
        for path, _ in _absolute(getattr(source, "secrets_dir", None), _here()):
            yield path, source


def names_of(source: Any) -> frozenset[str] | None:
    """The names of the files that a source of secrets looks for, in lower case; None if it may be any."""
    if type(source) is not SecretsSettingsSource:
        return None
    names: set[str] = set()
    asked = copy(source)
    vars(asked)["secrets_dir"] = os.sep  # which is there
    vars(asked)["find_case_path"] = lambda _, name, __: names.add(name.lower())
    asked()
    return frozenset(names)


def _may_be_read(path: Path, files: Mapping[Path, bytes]) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and path in files and found.st_size == len(files[path])


def _restrict(source: SecretsSettingsSource, files: Mapping[Path, bytes]) -> None:
    """Have `source` read only `files`. Hidden ones are not among them, and may be read."""
    find = source.find_case_path

    def among(folder: Path, name: str, case_sensitive: bool) -> Path | None:
        path = find(folder, name, case_sensitive)
        hidden = path is None or path.name.startswith(".")
        return path if path is None or hidden or _may_be_read(paths.absolute(path), files) else None

    vars(source)["find_case_path"] = among


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.curdir


def _listed(given: Any) -> Iterator[str]:
    """The paths in a setting that may be one or several, as it has them; not the resources of packages."""
    for each in [given] if isinstance(given, str | os.PathLike) else given or ():
        if isinstance(each, str | os.PathLike):
            yield os.fspath(each)


def _is_relative(name: str) -> bool:
    return not os.path.isabs(os.path.expanduser(name))


def _absolute(given: Any, home: str, depth: int = 0) -> Iterator[tuple[Path, str]]:
    """These paths, absolute, with what the setting has. `depth`: how far above `home` to look for them, too."""
    for name in _listed(given):
        path = paths.absolute(name, home)
        if _is_relative(name) and not path.exists():
            above = (parent / name for parent in list(Path(home).parents)[:depth])
            path = next(filter(Path.is_file, above), path)
        yield path, name


def _is_runner(program: str) -> bool:
    name, folder = os.path.basename(program), os.path.basename(os.path.dirname(program))
    return (folder if name == "__main__.py" else os.path.splitext(name)[0]) in _RUNNERS
