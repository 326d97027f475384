"""`Schema`: a model and what else hotconf should know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from hotconf import arguments
from hotconf.changes import Change
from hotconf.errors import UsageError
from hotconf.problems import Problem
from hotconf.text import printable

T = TypeVar("T")

_MODELS: Final = "a pydantic model, a dataclass or a TypedDict"


class Schema(Generic[T]):
    """A configuration's model with its checks, the description of its changes, its template and its spelling."""

    __slots__ = ("_template", "adapter", "checks", "describe", "kebab", "model", "strict_keys")

    model: Any
    adapter: TypeAdapter[T]
    checks: tuple[Callable[[T], Iterable[Problem]], ...]
    describe: Callable[[T, T, Sequence[Change]], list[str]] | None
    kebab: bool
    strict_keys: Callable[[T], bool] | None
    _template: str | Callable[[], str] | None

    def __init__(
        self,
        model: type[T] | TypeAdapter[T],
        *,
        checks: Iterable[Callable[[T], Iterable[Problem]]] = (),
        describe: Callable[[T, T, Sequence[Change]], list[str]] | None = None,
        template: str | Callable[[], str] | None = None,
        kebab: bool = False,
        strict_keys: Callable[[T], bool] | None = None,
    ) -> None:
        """Describe a configuration.

        `model`: a pydantic model, or anything that a `TypeAdapter` can validate into a table.
        `checks`: each takes the validated config and yields the `Problem`s it finds; warnings do not fail a load.
        `describe(old, new, changes)`: the lines under "Config reloaded successfully"; by default one line per change.
        `template`: the text that `hotconf init` writes, or a function that fetches it when it is needed; by default
        the fields of the model.
        `kebab`: keys that name a model's field may be spelled with `-`; keys of free tables are never touched.
        `strict_keys(config)`: true makes unknown keys errors even where the model would ignore them.

        Raises `UsageError` for a model that pydantic cannot build.
        """
        self.model = model
        _require_table("model", model)
        try:
            self.adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
        except Exception as error:  # the model may have code of its own
            raise _unbuildable(model, error) from error
        self.checks = _checks(checks)
        for name, given, call in (
            ("describe", describe, "old, new, changes"),
            ("strict_keys", strict_keys, "config"),
        ):
            if given is not None:
                arguments.function(name, given, call)
        if template is not None and not isinstance(template, str):
            arguments.function("template", template, "", otherwise="a string, or ")
        arguments.flag("kebab", kebab)
        self.describe = describe
        self.kebab = kebab
        self.strict_keys = strict_keys
        self._template = template

    def __reduce__(self) -> tuple[Any, ...]:
        """As its arguments: what pydantic has built of the model is built again elsewhere."""
        named = (self.checks, self.describe, self._template, self.kebab, self.strict_keys)
        return _made, (type(self), self.model, *named)

    def complete(self) -> None:
        """Build what a forward reference postponed. Raises `UsageError` if its name is still undefined."""
        if not self.adapter.pydantic_complete:
            try:
                self.adapter.rebuild(raise_errors=True)
            except (PydanticUserError, PydanticUndefinedAnnotation) as error:
                raise _unbuildable(self.model, error) from error

    @property
    def template(self) -> str | None:
        """The text that `hotconf init` writes, if there is one."""
        return self._template() if callable(self._template) else self._template

    @classmethod
    def of(cls, schema: type[T] | TypeAdapter[T] | Schema[T], checks: Iterable[Any] = ()) -> Schema[T]:
        """`schema` itself, or a `Schema` of the bare model, with `checks` added to its own."""
        _require_table("schema", schema)
        base = schema if isinstance(schema, Schema) else Schema(schema)
        added = _checks(checks)
        if not added:
            return base
        return Schema(
            base.model,
            checks=(*base.checks, *added),
            describe=base.describe,
            template=base._template,
            kebab=base.kebab,
            strict_keys=base.strict_keys,
        )


def _made(kind: type[Schema[T]], model: Any, checks: Any, *named: Any) -> Schema[T]:
    describe, template, kebab, strict_keys = named
    return kind(model, checks=checks, describe=describe, template=template, kebab=kebab, strict_keys=strict_keys)


def _checks(given: object) -> tuple[Callable[[Any], Iterable[Problem]], ...]:
    listed = enumerate(arguments.items("checks", given, "functions of the config"))
    return tuple(arguments.function(f"checks[{number}]", each, "config") for number, each in listed)


def _require_table(name: str, model: object) -> None:
    if _is_no_table(model):
        raise arguments.wrong(name, model, f"{_MODELS}, or a dict")


def _is_no_table(model: object) -> bool:
    """Whether it is plain that a whole configuration, which is a table, cannot be that."""
    origin = get_origin(model)
    if origin in (Union, UnionType):
        return all(map(_is_no_table, get_args(model)))
    kind = model if origin is None else origin
    if kind is dict:
        return False
    return (
        kind is None or isinstance(kind, dict | str | FunctionType) or getattr(kind, "__module__", "") == "builtins"
    )


def _unbuildable(model: object, error: Exception) -> UsageError:
    begins = f"pydantic cannot build the model {arguments.named(model)}"
    if getattr(error, "code", None) == "schema-for-unknown-type":
        return UsageError(f"{begins}: use {_MODELS}; a msgspec Struct, an attrs class or a plain class will not do")
    reason = printable(str(getattr(error, "message", error)).partition("\n")[0].rstrip("."))
    return UsageError(f"{begins}: {reason or type(error).__name__}")
