"""`Schema`: a model and what else hotconf should know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from hotconf.changes import Change
from hotconf.errors import UsageError
from hotconf.problems import Problem
from hotconf.text import printable

T = TypeVar("T")


class Schema(Generic[T]):
    """A configuration's model with its checks, the telling of its changes, its template and its spelling."""

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
        `template`: the text that `hotconf init` writes, or a function that fetches it when it is needed.
        `kebab`: keys that name a model's field may be spelled with `-`; keys of free tables are never touched.
        `strict_keys(config)`: true makes unknown keys errors even where the model would ignore them.

        Raises `UsageError` for a model that pydantic cannot build.
        """
        self.model = model
        try:
            self.adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            raise _unbuildable(model, error) from error
        self.checks = tuple(checks)
        self.describe = describe
        self.kebab = kebab
        self.strict_keys = strict_keys
        self._template = template

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
        base = schema if isinstance(schema, Schema) else Schema(schema)
        added = tuple(checks)
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


def _unbuildable(model: object, error: PydanticUserError | PydanticUndefinedAnnotation) -> UsageError:
    name = model.__qualname__ if isinstance(model, type) else printable(repr(model))
    if isinstance(error, PydanticUndefinedAnnotation) or error.code != "schema-for-unknown-type":
        reason = error.message.partition("\n")[0].rstrip(".")
        return UsageError(f"pydantic cannot build {name}: {reason}")
    use = "use a pydantic model, a dataclass or a TypedDict"
    return UsageError(
        f"pydantic cannot build {name}: {use}; a msgspec Struct, an attrs class or a plain class will not do"
    )
