"""Which resources a new config concerns: those whose selected value differs, and those that use one of them."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from hotconf.config.diff import equal
from hotconf.config.walk import value_at
from hotconf.resources.calls import UNCHANGED
from hotconf.resources.preparation import Wanted
from hotconf.resources.published import Published
from hotconf.resources.resource import Resource


def concerned(
    published: Published[Any],
    old: object,
    new: object,
    *,
    only: Resource[Any] | None = None,
    anew: Collection[Resource[Any]] = (),
) -> list[Wanted]:
    """What to make for `new`, in order of registration. `old`: what is published; None if nothing is. `anew`: make
    these whatever they are made of.

    A function as selector is users' code, and is called by the keeper: whether it concerns its resource shows then.
    """
    changed: set[Resource[Any]] = set()
    wanted: list[Wanted] = []
    for resource in published.resources if only is None else [only]:
        if published.remade_on_use(resource):
            continue
        recipe = resource.recipe
        known = old is not None and published.has(resource) and resource not in anew
        if known and is_path(resource) and not _may_change(recipe.uses, wanted):
            if equal(recipe.select(old), recipe.select(new)):
                continue
            known = False
        wanted.append(Wanted(resource, partial(_select, resource, old if known else None, new, changed)))
    return wanted


def is_path(resource: Resource[Any]) -> bool:
    """Whether it selects by a key path, so that no users' code runs."""
    select = resource.recipe.select
    return isinstance(select, partial) and select.func is value_at


def _may_change(uses: Resource[Any] | None, wanted: list[Wanted]) -> bool:
    return uses is not None and any(each.resource is uses for each in wanted)


def _select(resource: Resource[Any], old: object, new: object, changed: set[Resource[Any]]) -> object:
    recipe = resource.recipe
    value = recipe.select(new)
    if old is not None and recipe.uses not in changed and equal(recipe.select(old), value):
        return UNCHANGED
    changed.add(resource)
    return value
