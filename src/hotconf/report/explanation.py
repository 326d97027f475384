"""What every layer says about a value: the winner first, secrets masked."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hotconf.changes import MISSING
from hotconf.config.redaction.masking import shown, shown_answer
from hotconf.config.redaction.secret_values import secrets_of
from hotconf.config.shape import shape_of
from hotconf.config.walk import value_at
from hotconf.keypath import dotted
from hotconf.report.cells import steady, width
from hotconf.report.effective import leaves, origin_json, real_paths, value_of
from hotconf.report.ndjson import Json, plain
from hotconf.report.writing import toml
from hotconf.secrets.scrubber import Scrubber
from hotconf.snapshot import DEFAULT, Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hotconf.keypath import KeyPath
    from hotconf.schema import Schema
    from hotconf.snapshot import Snapshot


NOT_VALID: Final = "  # as written, not valid"


class Explanation(NamedTuple):
    """Where one value comes from."""

    key: KeyPath
    value: object
    """That in force."""
    answers: tuple[Answer, ...]
    """What the layers say, as it is written there: the winner first, then the others, strongest first."""
    valid: bool = True
    """If not: `value` is as it is written, and the configuration is refused because of it, or of what is near it."""


class Explainer:
    """Explains values of one snapshot; what is needed for each of them is worked out once."""

    def __init__(self, snapshot: Snapshot[Any], schema: Schema[Any]) -> None:
        self._snapshot, self._schema = snapshot, schema
        self._paths = real_paths(snapshot)
        layers = getattr(snapshot.origins, "layers", ())
        self.scrub = Scrubber(secrets_of(shape_of(schema), layers, snapshot.config))
        """Knows the secrets in it."""

    def answers(self, path: KeyPath) -> tuple[Answer, ...]:
        """What the layers say about the value that is shown at `path`, fit to be shown: the winner first."""
        real = self._paths.get(path, path)
        answers = self._snapshot.explain(real)
        default = _default(self._schema, real)
        if default is not MISSING and all(answer.origin != DEFAULT for answer in answers):
            answers = (*answers, Answer(DEFAULT, default))
        return tuple(Answer(each.origin, shown_answer(real, each.value, self.scrub)) for each in answers)


def explain(
    snapshot: Snapshot[Any],
    schema: Schema[Any],
    key: KeyPath,
    written: Mapping[str, Any] = MappingProxyType({}),
    unknown: Iterable[KeyPath] = (),
) -> list[Explanation]:
    """The value at `key`, or those of the table at `key`; fit to be shown. Where it is `unknown` what is valid, that
    is what is `written`.

    Raises `UsageError` if there is nothing.
    """
    explainer = Explainer(snapshot, schema)
    whole = shown(snapshot.config, snapshot.secret_paths())
    for path in unknown:
        whole = _put(whole, path, shown_answer(path, value_at(written, path), explainer.scrub))

    def valid(path: KeyPath) -> bool:
        return not any(path[: len(each)] == each for each in unknown)

    found = leaves(key, value_of(whole, key))
    return [Explanation(path, value, explainer.answers(path), valid(path)) for path, value in found]


def _put(table: Any, path: KeyPath, value: object) -> Any:
    """`table` with `value` at `path`."""
    if not path:
        return value
    around = table if isinstance(table, dict) else {}
    return {**around, path[0]: _put(around.get(path[0]), path[1:], value)}


def _default(schema: Schema[Any], path: KeyPath) -> object:
    """The default of a field whose table a layer sets; `MISSING` where it is not known."""
    shape = shape_of(schema)
    for part in path[:-1]:
        if shape.union or shape.tags:
            return MISSING
        shape = shape.child(part)
    last = path[-1]
    found = shape.default(last) if isinstance(last, str) and not (shape.union or shape.tags) else None
    return MISSING if found is None else found


def as_text(explained: Iterable[Explanation]) -> str:
    """A paragraph for each: the value in force, and below it the place and the value of each answer."""
    return "\n\n".join("\n".join(_lines(each)) for each in explained)


def _lines(explained: Explanation) -> list[str]:
    places = [steady(answer.origin.where) for answer in explained.answers]
    column = max(map(width, places), default=0)
    answers = zip(places, explained.answers, strict=True)
    return [
        f"{dotted(explained.key)} = {spelled(explained.value)}{'' if explained.valid else NOT_VALID}",
        *(f"  {place}{' ' * (column - width(place))}  {spelled(answer.value)}" for place, answer in answers),
    ]


def spelled(value: object) -> str:
    """The value of an answer, whole, as TOML has it."""
    if value is MISSING:
        return "removed"
    return "none" if value is None else toml.value(value)


def as_json(explained: Iterable[Explanation], key: KeyPath) -> Json:
    """The same for programs."""
    values: list[Json] = [
        {
            "key": dotted(each.key),
            "value": plain(each.value),
            "valid": each.valid,
            "answers": [{**origin_json(answer.origin), "value": plain(answer.value)} for answer in each.answers],
        }
        for each in explained
    ]
    return {"key": dotted(key), "values": values}
