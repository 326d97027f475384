"""Writing a JSON Schema beside a configuration, and the note that names it at the head of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotconf.cli.contact import located
from hotconf.cli.refusal import Refusal
from hotconf.history.restore import Restoration, restore
from hotconf.report.jsonschema import json_schema, may_set, name_of, writer_of
from hotconf.sources.base import DEFAULT_MAX_BYTES
from hotconf.sources.files import reading
from hotconf.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from hotconf.cli.program import Program


def schema_path(path: Path) -> Path:
    """Where the schema of the configuration `path` lies: `config.schema.json` beside `config.toml`."""
    return path.with_name(f"{path.stem}.schema.json")


def stamp(path: Path, program: Program, *, force: bool = False) -> tuple[Path, ...]:
    """Write the schema beside `path`, and the note that names it at its head. The files that had to be written.

    Both are written or neither, over nothing that changed meanwhile; mode, owner, links and line ends stay. Raises
    `Refusal` if there is no such file; and, unless by `force`, if it names another schema, or if there is a schema of
    another model, or one that hotconf did not write.
    """
    main = located(path, program.find)
    options = program.options(main)
    schema, form = options.schema, options.form
    beside = schema_path(main)
    if not beside.name.isprintable():
        raise Refusal(printable(f"{path}: the name of its schema could not be written into a comment"))
    text = _text(main, path)
    target = f"./{beside.name}"
    named = form.schema_of(text)
    is_other = named is not None and named.removeprefix("./") != beside.name
    if is_other and not force:
        raise Refusal(printable(f"{path} names another schema already: {named} (--force puts this one in its place)"))
    stamped = text if named is not None and not is_other else form.stamp(text, target)
    if stamped is None:
        raise Refusal(printable(f"{path}: it has no place for a reference to a schema"))
    old = _schema_there(beside, name_of(schema), force=force)
    contents = {main: text.encode(), **({} if old is None else {beside: old})}
    wanted = {main: stamped.encode(), beside: json_schema(schema, layered=may_set(options.layers)).encode()}
    plan = Restoration(
        writes=tuple((file, data) for file, data in wanted.items() if contents.get(file) != data),
        appeared=(),
        target=tuple(wanted.items()),
        current=tuple(contents.items()),
    )
    given = {main: path, beside: schema_path(path)}
    return tuple(given[file] for file in restore(plan))


def _text(main: Path, path: Path) -> str:
    read = reading.read(main, DEFAULT_MAX_BYTES)
    if read.problem is not None:
        raise Refusal(printable(f"{path}: {read.problem.message}"))
    try:
        text = read.data.decode()
    except UnicodeDecodeError as error:
        raise Refusal(printable(f"{path}: it is not UTF-8")) from error
    if not text.removeprefix("\ufeff").strip():
        # With a comment in it, it would be a valid configuration: all defaults.
        raise Refusal(printable(f"{path}: File is empty"))
    return text


def _schema_there(beside: Path, model: str, *, force: bool) -> bytes | None:
    """What is in the schema's place; None if nothing is."""
    read = reading.read(beside, DEFAULT_MAX_BYTES)
    if read.problem is not None:
        if read.problem.kind == "missing":
            return None
        raise Refusal(printable(f"{beside}: {read.problem.message}"))
    writer = writer_of(read.data.decode(errors="replace"))
    if writer == model or force:
        return read.data
    whose = "was not written by hotconf" if writer is None else f"is the schema of another model, {writer}"
    raise Refusal(printable(f"{beside} {whose}, and was not touched: --force replaces it with that of {model}"))
