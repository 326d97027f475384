"""`Start`: what a program began with; what its files say later is laid below that, where a change needs a restart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias, TypeVar

from hotconf.changes import MISSING
from hotconf.config.diff import equal
from hotconf.config.layers import OVERRIDE, LayerTable
from hotconf.config.merge import Merged, merge
from hotconf.config.restarts.marks import Place, places
from hotconf.config.shape import Shape
from hotconf.config.validation.validate import Validated
from hotconf.config.walk import bare, kind_of, value_at
from hotconf.engine.candidate import Invalid
from hotconf.keypath import KeyPath, dotted
from hotconf.problems import Problem

T = TypeVar("T")

START: Final = "start"
"""The name of the layer of what is kept."""
HINT: Final = "a restart applies it"
_MOST_NAMED: Final = 5

Judge: TypeAlias = Callable[[Merged], Validated[T] | Invalid]


@dataclass(frozen=True, eq=False)
class Start:
    """The configuration that was published first."""

    table: Mapping[str, Any] = field(repr=False)
    """What its layers said together. Nobody may change it."""
    config: object = field(repr=False)
    """What was made of it."""
    texts: Mapping[KeyPath, str] = field(repr=False)
    """Where values stand that are secrets because of their layer."""

    @classmethod
    def of(cls, merged: Merged, config: object) -> Start:
        """The start with what `merged` says, of which `config` was made."""
        texts = {path: text for layer in merged.layers if layer.secret for path, text in layer.texts.items()}
        return cls(merged.table, config, texts)

    def keeping(
        self, merged: Merged, config: T, shape: Shape, settings: KeyPath | None, judge: Judge[T]
    ) -> tuple[Merged, Validated[T]] | Invalid | None:
        """What takes effect of `merged`, of which `config` would be made after a restart; None if that is all of it.

        Or why what would take effect is not valid. A table that only
        one of the two has is kept as a whole if parts of it would not be valid.
        """
        found = places(shape, self.table, merged.table, self.config, settings)
        differing = [each for each in found if self._differs(config, each.value)]
        if not differing:
            return None
        said = {each.path: _said(self.table, each.path) for each in differing}
        made = {each.value for each in differing} - {
            each.value for each in differing if not _same(said[each.path], _said(merged.table, each.path))
        }
        said |= self._made(differing, made)
        laid, result = self._judged(merged, said, judge)
        if isinstance(result, Invalid) and any(each.around != each.path for each in differing):
            around = {each.around: _said(self.table, each.around) for each in differing if each.around not in said}
            outside = {path: value for path, value in said.items() if not _within(path, around)}
            wider, again = self._judged(merged, {**outside, **around}, judge)
            laid, result = (laid, result) if isinstance(again, Invalid) else (wider, again)
        if isinstance(result, Invalid):
            return _refused(result, merged, differing)
        lost = [each for each in differing if self._lost(each, result.config, merged)]
        if lost:  # validators or factories make them of something else
            laid, result = self._judged(merged, {**said, **self._made(lost, {each.value for each in lost})}, judge)
            if isinstance(result, Invalid):
                return _refused(result, merged, differing)
            if lost := [each for each in lost if self._lost(each, result.config, merged)]:
                problems = (Problem("It cannot be kept: it is computed", each.value, "schema") for each in lost)
                return _refused(Invalid(tuple(problems)), merged, lost)
        return laid, result

    def _differs(self, config: object, path: KeyPath) -> bool:
        return not equal(value_at(self.config, path), value_at(config, path))

    def _lost(self, place: Place, config: object, merged: Merged) -> bool:
        """Whether it has not been kept, although nothing overrides it, and what it was in is still there."""
        around = [kind_of(type(bare(value_at(each, place.value[:-1])))) for each in (self.config, config)]
        over = (each for each in merged.layers if each.layer == OVERRIDE)
        overridden = any(
            _said(each.table, place.path) is not MISSING or _within(place.path, each.removes) for each in over
        )
        return around[0] == around[1] and not overridden and self._differs(config, place.value)

    def _made(self, found: Iterable[Place], values: Collection[KeyPath]) -> dict[KeyPath, Any]:
        """The `values` themselves, where the layers say each of them at first."""
        first: dict[KeyPath, KeyPath] = {}
        for each in found:
            if each.value in values:
                first.setdefault(each.value, each.path)
        return {path: value_at(self.config, value) for value, path in first.items()}

    def _judged(
        self, merged: Merged, said: Mapping[KeyPath, Any], judge: Judge[T]
    ) -> tuple[Merged, Validated[T] | Invalid]:
        over = sum(each.layer == OVERRIDE for each in merged.layers)
        below = len(merged.layers) - over
        secret = {
            path for path in said if any(_within(path, (each,)) or _within(each, (path,)) for each in self.texts)
        }
        kept = [
            self._layer({path: said[path] for path in said if (path in secret) is hidden}, secret=hidden)
            for hidden in (False, True)
        ]
        laid = merge((*merged.layers[:below], *filter(_says_something, kept), *merged.layers[below:]))
        return laid, judge(laid)

    def _layer(self, said: Mapping[KeyPath, Any], *, secret: bool) -> LayerTable:
        table: dict[str, Any] = {}
        for path, value in said.items():
            if value is not MISSING:
                here = table
                for key in path[:-1]:
                    here = here.setdefault(str(key), {})
                here[str(path[-1])] = value
        removes = frozenset(path for path, value in said.items() if value is MISSING)
        tables = frozenset(path for path, value in said.items() if isinstance(value, Mapping))
        texts = {path: text for path, text in self.texts.items() if _within(path, said)} if secret else {}
        return LayerTable(START, table, removes=removes, replaces=tables, plain=False, secret=secret, texts=texts)


def _says_something(layer: LayerTable) -> bool:
    return bool(layer.table or layer.removes)


def _said(table: Any, path: KeyPath) -> Any:
    for key in path:
        table = table.get(key, MISSING) if isinstance(table, Mapping) else MISSING
    return table


def _same(old: object, new: object) -> bool:
    return old is new or (old is not MISSING and new is not MISSING and equal(old, new))


def _within(path: KeyPath, those: Collection[KeyPath]) -> bool:
    """Whether `path` is one of `those`, or below one."""
    return any(path[: len(each)] == each for each in those)


def _refused(found: Invalid, merged: Merged, kept: Iterable[Place]) -> Invalid:
    """The problems of what is kept, at the places of what is not."""
    paths = list(dict.fromkeys(each.path for each in kept))
    return found._replace(problems=tuple(_explained(each, merged, paths) for each in found.problems))


def _explained(problem: Problem, merged: Merged, paths: list[KeyPath]) -> Problem:
    if problem.severity != "error":
        return problem
    about = [path for path in paths if _within(path, (problem.path,)) or _within(problem.path, (path,))] or paths
    keys = ", ".join(map(dotted, about[:_MOST_NAMED])) + (", …" if len(about) > _MOST_NAMED else "")
    verb = "keeps its value" if len(about) == 1 else "keep their values"
    bare = replace(
        problem,
        message=f"{problem.message} ({keys} {verb} until a restart)",
        hint=HINT,
        file=None,
        line=None,
        column=None,
        end_line=None,
        end_column=None,
        related=(),
        where="",
    )
    return merged.origins.placed(bare)
