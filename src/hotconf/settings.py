"""`HotReloadSettings`: how a configuration says how it is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from hotconf import arguments
from hotconf.problems import Problem

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from hotconf.keypath import KeyPath

MIN_DEBOUNCE_MS: Final = 100
"""The shortest window that a file may ask for; an argument may be shorter."""
MAX_DEBOUNCE_MS: Final = 60_000
"""The longest window, in a file or as an argument."""


class HotReloadSettings(BaseModel):
    """The `[hot_reload]` table. Put it into your model as a field named `hot_reload` and it is followed live."""

    model_config = ConfigDict(strict=True, frozen=True)

    enabled: bool = True
    """Whether the files are watched. If saved as false while running, that save is applied, then watching stops."""
    debounce_ms: Annotated[int, Field(json_schema_extra={"minimum": MIN_DEBOUNCE_MS, "maximum": MAX_DEBOUNCE_MS})] = (
        2000
    )
    """The window: a reload happens after this long without changes. 100 to 60000 in a file."""
    mode: Literal["settle", "eager"] = "settle"
    """Eager: a valid change that arrives as one finished act is not kept waiting for the window. Linux only."""
    watch_paths: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """More files, directories or globs, relative to the main file's directory; TOML, YAML and JSON are merged."""


class PinnedSettings(NamedTuple):
    """Settings that the program fixed; None follows the configuration."""

    enabled: bool | None = None
    debounce_ms: int | None = None
    watch_paths: tuple[str, ...] | None = None
    mode: Literal["settle", "eager"] | None = None

    @classmethod
    def given(
        cls,
        settings: HotReloadSettings | None,
        debounce_ms: int | None,
        watch_paths: Iterable[str | os.PathLike[str]] | None,
    ) -> PinnedSettings:
        """Of the arguments of a watcher; single ones win over `settings`. Raises `UsageError` for wrong ones."""
        if debounce_ms is not None:
            arguments.whole("debounce_ms", debounce_ms, 0, MAX_DEBOUNCE_MS)
        listed = None
        if watch_paths is not None:
            every = enumerate(arguments.items("watch_paths", watch_paths, "paths"))
            listed = tuple(arguments.path(f"watch_paths[{number}]", each) for number, each in every)
        if settings is None:
            return cls(None, debounce_ms, listed)
        if not isinstance(settings, HotReloadSettings):
            raise arguments.wrong("settings", settings, "HotReloadSettings(…)")
        arguments.whole("settings.debounce_ms", settings.debounce_ms, 0, MAX_DEBOUNCE_MS)
        window = settings.debounce_ms if debounce_ms is None else debounce_ms
        return cls(settings.enabled, window, settings.watch_paths if listed is None else listed, settings.mode)

    def over(self, settings: HotReloadSettings) -> HotReloadSettings:
        """`settings` with what is pinned in its place."""
        pinned = {
            "enabled": self.enabled,
            "debounce_ms": self.debounce_ms,
            "watch_paths": self.watch_paths,
            "mode": self.mode,
        }
        update = {name: value for name, value in pinned.items() if value is not None}
        return settings.model_copy(update=update) if update else settings


def check_settings(settings: HotReloadSettings, path: KeyPath) -> Iterator[Problem]:
    """What is wrong with `settings` that stand at `path` in a file: the window out of its limits."""
    window = settings.debounce_ms
    where = (*path, "debounce_ms")
    if window < MIN_DEBOUNCE_MS:
        text = f"Hot-reload debounce_ms={window} too low (minimum: {MIN_DEBOUNCE_MS}ms)"
        yield Problem(text, where, hint=f"write {MIN_DEBOUNCE_MS} or more; 2000 is a good value")
    elif window > MAX_DEBOUNCE_MS:
        text = f"Hot-reload debounce_ms={window} too high (maximum: {MAX_DEBOUNCE_MS}ms)"
        yield Problem(text, where, hint=f"write {MAX_DEBOUNCE_MS} or less; 2000 is a good value")
