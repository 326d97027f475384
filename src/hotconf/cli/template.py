"""Writing a new configuration file. What exists is never touched."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from hotconf.cli.contact import patiently
from hotconf.cli.places import is_home
from hotconf.cli.refusal import Refusal
from hotconf.formats import base
from hotconf.formats.registry import DEFAULT, format_of
from hotconf.problems import Problem
from hotconf.sources.files.paths import absolute
from hotconf.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.schema import Schema


def write_template(path: Path, schema: Schema[Any]) -> None:
    """Write the schema's template to `path`, readable by its owner only, with the directories that it needs.

    Raises `Refusal` if there is something at `path`, even a link that leads nowhere, or if there is no template.
    """
    write_new(path, _text(path, schema.template))


def write_new(path: Path, text: str) -> None:
    """The same with any text."""
    target = patiently(partial(absolute, path), path)
    patiently(partial(os.path.lexists, target), path)
    private = is_home(target.parent)
    target.parent.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refusal(printable(f"{path} exists already and was not touched")) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _text(path: Path, template: str | None) -> str:
    """The template as it is, or the values that it sets, if it is not written in the format of `path`."""
    if template is None:
        raise Refusal("this schema has no template to write: give one with Schema(model, template=...)")
    given = base.parse(DEFAULT, path, template.encode(), allow_empty=True)
    if isinstance(given, Problem) or format_of(path) is DEFAULT:
        return template
    if format_of(path).name == "YAML":
        from hotconf.report.writing.yaml import document

        return document(given.table)
    return json.dumps(given.table, indent=2, ensure_ascii=False, default=str) + "\n"
