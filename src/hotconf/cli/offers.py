"""`complete`: what a shell offers for an argument, found only when it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import click


def complete(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """What a shell offers there: `keys`, `states` or `themes`. Imported only for that."""

    def found(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from hotconf.cli import completion

        items: list[Any] = getattr(completion, what)(ctx, param, incomplete)
        return items

    return found
