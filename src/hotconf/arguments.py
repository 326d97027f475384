"""Arguments that cannot work: one line that names the argument, what was given, and what to give instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final, get_origin

from hotconf.errors import UsageError
from hotconf.text import printable, shortened

_PLAIN: Final = (str, int, float, bytes)
_LONGEST: Final = 60
LONGEST_S: Final = 86_400
"""The longest timeout."""


def wrong(name: str, given: object, expected: str) -> UsageError:
    """`debounce_ms='1': give a whole number, from 0 to 60000`."""
    value = named(given)
    return UsageError(f"{name}{' ' if value.startswith('of type') else '='}{value}: give {expected}")


def too_late(method: str) -> UsageError:
    """What a closed watcher answers to whoever registers something."""
    return UsageError(f"this watcher is closed: {method}() works before that")


def named(given: object) -> str:
    """A value in a few words: a class and a plain value by name, others by their type, for they may hold secrets."""
    if isinstance(given, type) and get_origin(given) is None:
        return given.__qualname__
    if given is None or isinstance(given, bool) or type(given) in _PLAIN or get_origin(given) is not None:
        return shortened(printable(repr(given)), _LONGEST)
    return f"of type {type(given).__qualname__}"


def of_type(given: object) -> str:
    """The same of what may be a secret: never the value."""
    return "None" if given is None else f"of type {type(given).__qualname__}"


def whole(name: str, given: object, least: int, most: int | None = None) -> None:
    """Raise `UsageError` unless it is an integer within these limits."""
    if not isinstance(given, int) or isinstance(given, bool) or given < least or (most is not None and given > most):
        limits = f"{least} or more" if most is None else f"from {least} to {most}"
        raise wrong(name, given, f"a whole number, {limits}")


def seconds(name: str, given: object, least: float, most: float) -> None:
    """Raise `UsageError` unless it is a number within these limits."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not least <= given <= most:
        raise wrong(name, given, f"{least} to {most} seconds")


def timeout(given: object, name: str = "timeout_s") -> None:
    """Raise `UsageError` unless it is a number of seconds from 0 on, or None, which is no limit."""
    if given is not None:
        seconds(name, given, 0, LONGEST_S)


def flag(name: str, given: object) -> None:
    """Raise `UsageError` unless it is True or False."""
    if not isinstance(given, bool):
        raise wrong(name, given, "True or False")


def path(name: str, given: object) -> str:
    """The path as text. Raises `UsageError` for anything else, and for an empty one: it would mean here."""
    found = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(found, str) or not found:
        raise wrong(name, given, "a path, as str or Path")
    return found


def items(name: str, given: object, expected: str) -> tuple[Any, ...]:
    """The items of an iterable. Raises `UsageError` for what is none, or is one value: a text, a path, a class."""
    if isinstance(given, str | bytes | os.PathLike | type) or not isinstance(given, Iterable):
        raise wrong(name, given, f"a list of {expected}")
    return tuple(given)


def function(
    name: str,
    given: object,
    call: str,
    *,
    otherwise: str = "",
    instead: str = "",
    hint: str = "",
    coroutine: bool = False,
) -> Callable[..., Any]:
    """`given`, which can be called as `name(call)`. Raises `UsageError` if it cannot, or is a coroutine function.

    `otherwise`: what else may be given. `instead`: what to do in async code. `hint`: what to do if it takes others.
    `coroutine`: whether it may be a coroutine function.
    """
    if not callable(given):
        raise wrong(name, given, f"{otherwise}a function of {call}" if call else f"{otherwise}a function")
    import inspect  # imported here: it takes milliseconds, and problems need no functions

    if not coroutine and inspect.iscoroutinefunction(given):
        raise UsageError(f"{name} is a coroutine function: give a plain function{instead}")
    arguments = [each for each in call.split(", ") if each]
    with suppress(ValueError, TypeError):  # a function in C may have no signature
        signature = inspect.signature(given)
        try:
            signature.bind(*arguments)
        except TypeError as error:
            if next(iter(signature.parameters), None) == "self":
                hint = "; it is a method: give it bound, as self.method or thing.method"
            raise UsageError(f"{name} cannot be called as {name}({call}): {error}{hint}") from error
    return given


def qualified_name(function: Callable[..., Any]) -> str:
    """`module.Class.method`; of a partial that of what it calls, of another callable object its type."""
    while isinstance(function, partial):
        function = function.func
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    return ".".join(filter(None, (getattr(named, "__module__", None), named.__qualname__)))
