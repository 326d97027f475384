"""Layers in, one candidate out: merge, validate, freeze, compare with what is published, describe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from hotconf.changes import Change
from hotconf.config.freeze import freeze
from hotconf.config.layers import OVERRIDE, LayerTable, Rest
from hotconf.config.merge import Merged, Origins, merge
from hotconf.config.reload_settings import counting, settings_path, without_watch_paths
from hotconf.config.shape import Shape, shape_of
from hotconf.config.spelling import respell
from hotconf.config.validation.validate import Validated, validate
from hotconf.config.walk import value_at
from hotconf.engine.candidate import SAME_DOCUMENT, SAME_FILES, Invalid, Valid
from hotconf.formats.base import Document
from hotconf.keypath import KeyPath
from hotconf.problems import Kind, Problem
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.snapshot import Origin, Snapshot, SourceFile
from hotconf.text import source_name

if TYPE_CHECKING:
    from typing import Protocol

    from hotconf.config.restarts.start import Start
    from hotconf.secrets.scrubber import Scrubber

    class Secrets(Protocol):
        """Finds the secrets of one load, when they are asked for."""

        @property
        def own(self) -> Scrubber | None:
            """Removes the secrets of the resulting config too, if these were sought."""

        def scrubber(self, config: object = ..., changes: tuple[Change, ...] | None = ...) -> Scrubber:
            """Removes the secrets in the layers, in `config`, and in what is published."""


T = TypeVar("T")
L = TypeVar("L", bound=Document | LayerTable)

_SAME_VALUES: Final = "no value differs"
_WAITS: Final = "only values that need a restart differ"
_WAITS_NO_MORE: Final = "nothing waits for a restart now"
RESTART_REQUIRED: Final = "hotconf.config.restarts.required"
"""The module of `RestartRequired`: without it in the program, no model has one."""
_OF_FILES: Final[frozenset[Kind]] = frozenset({"missing", "exposed", "copy"})
"""Warnings about files as such: they may come and go while the content stays the same."""
_OFF: Final = "Hot reload is off: edits are not noticed until a restart"


Contents: TypeAlias = Sequence[tuple[Path, bytes | None]]
"""Files with their bytes; None for what cannot be read."""


class Layers(NamedTuple):
    """All layers, as they were at one time."""

    documents: tuple[Document | LayerTable, ...]
    """The main file's, those of its fragments, and what of them a profile adds, weakest first."""
    over: tuple[LayerTable, ...]
    """The layers over the files, and those under them, weakest first."""
    files: tuple[SourceFile, ...]
    """What they were parsed from."""
    problems: tuple[Problem, ...]
    """What was found while they were read. After an error, documents may be missing."""
    loaded_at: datetime
    order: tuple[Path, ...]
    """All files of the configuration, in the order in which their problems are listed."""
    fileless: bool = False
    """There is no main file: the first document is an empty stand-in, which no problem may name."""
    source: str = ""
    """The name of the source whose document stands in the place of the main file."""
    profile: str = ""
    """The name of the profile that counts."""
    named: Contents = ()
    """The files that values of what is published name, with their bytes now."""
    own_named: Callable[[], Contents] = tuple
    """Those that values of these layers name, once they are validated."""
    rest: Rest | None = None
    """The documents without their mistakes of syntax, if there are no others, and what they lack."""
    home: str | None = None
    """The directory to which names of files are relative that no file says; None: no value names a file."""

    @property
    def overrides(self) -> tuple[LayerTable, ...]:
        """The strongest of them."""
        return tuple([each for each in self.over if each.layer == OVERRIDE])

    def with_overrides(self, tables: Iterable[LayerTable]) -> Layers:
        """The same with other overrides."""
        return self._replace(over=(*(each for each in self.over if each.layer != OVERRIDE), *tables))

    @property
    def digest(self) -> str:
        """Equal for layers that say the same in the same words, and name files that hold the same."""
        return self.digest_with(self.named)

    def digest_with(self, named: Contents) -> str:
        """The same, if they name these files."""
        parts: list[bytes] = [f"{self.profile}\0".encode()] if self.profile else []
        for file in self.files:
            content = file.content
            parts += (f"{file.path!s}\0{len(content)}\0".encode("utf-8", "surrogateescape"), content)
        parts += (f"\0{each.layer}\0{each.text}\0".encode("utf-8", "surrogatepass") for each in self.over)
        for path, data in named:
            size = -1 if data is None else len(data)
            parts += (f"\0{path!s}\0{size}\0".encode("utf-8", "surrogateescape"), data or b"")
        return sha256(b"".join(parts), usedforsecurity=False).hexdigest()


class Merging(NamedTuple):
    """All layers, merged."""

    merged: Merged
    ignored: list[Problem]
    """Warnings of what does not count where it stands."""


class Pipeline(Generic[T]):
    """How the layers of one configuration become a candidate."""

    __slots__ = ("describe_failed", "pins", "propagates", "published", "revalidate", "schema", "secrets", "start")

    def __init__(
        self,
        schema: Schema[T],
        pins: PinnedSettings,
        published: Snapshot[T] | None,
        secrets: Secrets,
        propagates: Callable[[BaseException], bool],
        describe_failed: Callable[[BaseException, Scrubber], None],
        *,
        revalidate: bool = False,
        start: Start | None = None,
    ) -> None:
        """The candidate is compared with what is `published`. `propagates`: which exceptions of users' code are not
        its fault. `describe_failed` is called when the schema's `describe` raises. `revalidate`:
        also if the digest is that of what is published. `start`: what was published first.
        """
        self.schema = schema
        self.pins = pins
        self.published = published
        self.secrets = secrets
        self.propagates = propagates
        self.describe_failed = describe_failed
        self.revalidate = revalidate
        self.start = start

    def run(self, layers: Layers) -> Valid[T] | Invalid:
        """The candidate that `layers` make. Never raises for anything in them or in users' code."""
        old = self.published
        if any(problem.severity == "error" for problem in layers.problems):
            return self._refused(in_order(self._scrubbed(layers.problems), self._of_rest(layers), layers.order))
        of_layers = [problem for each in layers.over for problem in each.problems]
        if any(map(_is_of_whole_file, of_layers)):
            return self._refused(self._scrubbed((*layers.problems, *of_layers)))
        digest = layers.digest
        if old is not None and old.digest == digest and not self.revalidate:
            return self._same_files(old, layers)

        merging = self.merged(layers)
        if not isinstance(merging, Merging):
            return self._refused(self._scrubbed((*layers.problems, *merging)))
        merged, ignored = merging
        judge = partial(validate, self.schema, scrubber=self.secrets.scrubber, goes_through=self.propagates)
        validated: Validated[T] | Invalid = judge(merged)
        parsed = {document.path: document for document in merged.documents}
        misread = (problem for document in parsed.values() for problem in document.warnings)
        warnings = self._scrubbed((*layers.problems, *misread, *ignored, *merged.origins.hidden()))
        if isinstance(validated, Invalid):
            return self._refused(in_order(validated.problems, warnings, layers.order))

        kept = self._kept(merged, validated, shape_of(self.schema), judge)
        if isinstance(kept, Invalid):
            return self._refused(in_order(kept.problems, warnings, layers.order))
        after = validated.config
        merged, validated, start = kept
        named = layers.own_named()
        if named != layers.named:
            digest = layers.digest_with(named)
        config = freeze(validated.config)
        good = Valid(
            config=config,
            digest=digest,
            loaded_at=layers.loaded_at,
            files=layers.files,
            origins=merged.origins.of(config),
            settings=self._settings(config),
            changes=(),
            summary=(),
            warnings=in_order(validated.warnings, warnings, layers.order),
            start=start,
            pending_restart=self._waiting(config, after, merged) if config is not after else (),
            secrets=self.secrets.own,
        )
        return good if old is None else self.compared(good, old)

    def _of_rest(self, layers: Layers) -> tuple[Problem, ...]:
        """What is wrong, or odd, besides the syntax, as far as it does not follow from that, and in other lines."""
        if layers.rest is None:
            return ()
        documents, gaps = layers.rest
        merging = self.merged(layers._replace(documents=documents))
        if not isinstance(merging, Merging):
            return ()
        found = validate(self.schema, merging.merged, self.secrets.scrubber, self.propagates, gaps)
        broken = {(problem.file, problem.line) for problem in layers.problems}
        rest = found.problems if isinstance(found, Invalid) else found.warnings
        return tuple(problem for problem in rest if (problem.file, problem.line) not in broken)

    def merged(self, layers: Layers) -> Merging | tuple[Problem, ...]:
        """What `layers` say together, or why they cannot be merged."""
        shape = shape_of(self.schema)
        files, ignored = counting(layers.documents, settings_path(self.schema), layers.source)
        if layers.home is not None and shape.names_files:
            files = [_located(each, shape, layers.home) for each in files]
        files, whole = files[layers.fileless :], dict[str, Any]()
        if shape.tagged and shape.aliased:
            whole = merge((*files, *layers.over), shape).table
            for place, each in enumerate(files):
                again = respell(each, self.schema, whole)
                if isinstance(again, tuple):
                    return again
                files[place] = again
        merged, under = merge(files, shape), 0
        for each in sorted(layers.over, key=lambda layer: layer.fills is not None):
            if each.fills is not None:
                each = each.filling(value_at(merged.table, each.fills))
            if each.loose:
                from hotconf.config.decoding.names import adopted

                each = adopted(each, merged.table)
            respelled = respell(each, self.schema, whole)
            if not isinstance(respelled, LayerTable):
                return respelled
            if layers.source:
                text = f"watch_paths makes no sense with {layers.source}"
                respelled, problem = without_watch_paths(respelled, settings_path(self.schema), text)
                ignored += [problem] if problem else []
            if layers.home is not None and shape.names_files:
                respelled = _located(respelled, shape, layers.home)
            place = 0 if each.fills is not None else under if each.under else len(merged.layers)
            merged = merge((*merged.layers[:place], respelled, *merged.layers[place:]), shape)
            under += each.under
        return Merging(merged, ignored)

    def _kept(
        self, merged: Merged, validated: Validated[T], shape: Shape, judge: Callable[[Merged], Validated[T] | Invalid]
    ) -> tuple[Merged, Validated[T], Start | None] | Invalid:
        """What takes effect without a restart, and what was published first, if that matters."""
        if RESTART_REQUIRED not in sys.modules or not shape.restarts:
            return merged, validated, None
        from hotconf.config.restarts.start import Start  # imported with `RestartRequired`

        if self.start is None:
            return merged, validated, Start.of(merged, validated.config)
        kept = self.start.keeping(merged, validated.config, shape, settings_path(self.schema), judge)
        if isinstance(kept, Invalid):
            return kept
        return (*(kept or (merged, validated)), self.start)

    def compared(self, good: Valid[T], old: Snapshot[T]) -> Valid[T]:
        """`good`, compared with what is published."""
        origins = good.origins
        changes = self._changes(old.config, good.config, (old.origins, origins), good.pending_restart)
        if not changes and isinstance(origins, Origins):  # of equal values only one stays in memory
            origins = origins.of(old.config)
        return good._replace(
            origins=origins,
            changes=changes,
            summary=self._summary(old.config, good.config, changes),
            unchanged=None if changes else _unchanged(old.pending_restart, good.pending_restart),
            secrets=self.secrets.own,
        )

    def _same_files(self, old: Snapshot[T], layers: Layers) -> Valid[T]:
        return Valid(
            config=old.config,
            digest=old.digest,
            loaded_at=layers.loaded_at,
            files=layers.files,
            origins=old.origins,
            settings=self._settings(old.config),
            changes=(),
            summary=(),
            warnings=(*(each for each in old.warnings if each.kind not in _OF_FILES), *layers.problems),
            unchanged=SAME_DOCUMENT if any(file.version for file in layers.files) else SAME_FILES,
            start=self.start,
            pending_restart=old.pending_restart,
        )

    def _refused(self, problems: tuple[Problem, ...]) -> Invalid:
        return Invalid(problems, secrets=self.secrets.scrubber())

    def _settings(self, config: T) -> HotReloadSettings:
        path = settings_path(self.schema)
        found = value_at(config, path) if path is not None else None
        return self.pins.over(found if isinstance(found, HotReloadSettings) else HotReloadSettings())

    def _waiting(self, config: T, after: T, merged: Merged) -> tuple[Change, ...]:
        """What a restart would change: `config` is in force, `after` what the layers say."""
        waiting = self._changes(config, freeze(after), (merged.origins,))
        self.secrets.scrubber(config, waiting)  # which knows those of the files, too
        return waiting

    def _changes(
        self, old: T, new: T, origins: Iterable[Mapping[KeyPath, Origin]], more: tuple[Change, ...] = ()
    ) -> tuple[Change, ...]:
        """`more`: what else is new in the layers."""
        # Imported here: a program whose configuration never changes does not pay for it.
        from hotconf.config.diff import diff
        from hotconf.config.redaction.masking import hidden_changes, scrubbed_changes

        changes = diff(old, new)
        known = [each for each in origins if isinstance(each, Origins)]
        if secret := {path for each in known for path in each.secret_paths()}:
            changes = hidden_changes(changes, secret)
        return scrubbed_changes(changes, partial(self.secrets.scrubber, new, (*changes, *more)))

    def _summary(self, old: T, new: T, changes: tuple[Change, ...]) -> tuple[str, ...]:
        lines = self._described(old, new, changes) if changes else ()
        switched_off = self._settings(old).enabled and not self._settings(new).enabled
        return (*lines, _OFF) if switched_off else lines

    def _described(self, old: T, new: T, changes: tuple[Change, ...]) -> tuple[str, ...]:
        if self.schema.describe is not None:
            scrub = self.secrets.scrubber(new, changes)
            try:
                return tuple(scrub(str(line), words=True) for line in self.schema.describe(old, new, changes))
            except BaseException as error:
                if self.propagates(error):
                    raise
                self.describe_failed(error, scrub)
        return tuple(map(str, changes))

    def _scrubbed(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        if not problems:
            return ()
        from hotconf.config.validation.collector import scrubbed_problem

        scrub = self.secrets.scrubber()
        return tuple(scrubbed_problem(problem, scrub) for problem in problems)


def _unchanged(before: tuple[Change, ...], after: tuple[Change, ...]) -> str:
    """Why there is nothing to publish; these wait for a restart."""
    return _SAME_VALUES if before == after else _WAITS if after else _WAITS_NO_MORE


def _is_of_whole_file(problem: Problem) -> bool:
    """A layer's file cannot be read: what else is missing may follow from that."""
    return problem.severity == "error" and problem.kind in ("encoding", "too_large") and not problem.path


def _located(layer: L, shape: Shape, home: str) -> L:
    """`layer`, whose names of files are relative to its own directory."""
    from hotconf.config.decoding.located import located  # imported with `WatchedFile`

    document = layer.document if isinstance(layer, LayerTable) else layer
    if document is not None and not source_name(document.path):
        home = str(document.path.parent)
    return located(layer, shape, home)


def in_order(
    problems: tuple[Problem, ...], more: tuple[Problem, ...], order: tuple[Path, ...]
) -> tuple[Problem, ...]:
    """Both in the order of files and lines, what is in no file last. `problems` are in this order already."""
    if not more:
        return problems
    rank: dict[Path | None, int] = {path: index for index, path in enumerate(order)}

    def place(problem: Problem) -> tuple[int, int, int]:
        return rank.get(problem.file, len(rank)), problem.line or 0, problem.column or 0

    return tuple(sorted((*problems, *more), key=place))
