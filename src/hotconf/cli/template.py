"""Writing a new configuration file. What exists is never touched."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.cli.contact import patiently
from hotconf.cli.places import is_home
from hotconf.cli.refusal import Refusal
from hotconf.formats import base
from hotconf.formats.registry import DEFAULT
from hotconf.keypath import dotted
from hotconf.problems import Problem
from hotconf.sources.files.paths import absolute
from hotconf.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.formats.base import Format
    from hotconf.schema import Schema


def write_template(path: Path, schema: Schema[Any], form: Format) -> list[str]:
    """Write the schema's template, or one made from its model, to `path`, readable by its owner only, with the
    directories that it needs. The keys that are to be filled in.

    Raises `Refusal` if there is something at `path`, even a link that leads nowhere; `UsageError` for a broken model.
    """
    text, missing = _text(path, schema, form)
    write_new(path, text)
    return missing


def write_new(path: Path, text: str) -> None:
    """The same with any text."""
    target = patiently(partial(absolute, path), path)
    patiently(partial(os.path.lexists, target), path)
    private = is_home(target.parent)
    try:
        target.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refusal(printable(f"{path} exists already and was not touched")) from error
    except OSError as error:
        raise Refusal(printable(f"{path} cannot be written: {error.strerror}")) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _text(path: Path, schema: Schema[Any], form: Format) -> tuple[str, list[str]]:
    """The schema's template, in `form` only the values that it sets; without one, what the model says."""
    from hotconf.report.writing import document

    template = schema.template
    if template is None:
        from hotconf.report.template.entries import required
        from hotconf.report.template.fields import template_of
        from hotconf.report.template.lines import text_of

        found = template_of(schema, form)
        return text_of(found, form), [dotted(each) for each in required(found.entries)]
    given = base.parse(DEFAULT, path, template.encode(), allow_empty=True)
    if isinstance(given, Problem) or form is DEFAULT:
        return template, []
    return document(form, given.table), []
