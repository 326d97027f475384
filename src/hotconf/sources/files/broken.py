"""`salvaged`: all that is wrong with the syntax of a file, and what it says without that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotconf.config.spelling import respell, without_stamp
from hotconf.formats.base import Document, Format
from hotconf.formats.registry import salvage
from hotconf.problems import Problem
from hotconf.schema import Schema
from hotconf.sources.base import Choice, Options

if TYPE_CHECKING:
    from hotconf.config.layers import Rest
    from hotconf.formats.salvage import Salvage
    from hotconf.sources.files.reading import Read


def salvaged(first: Problem, schema: Schema[Any], path: Path, data: bytes, form: Format | None) -> Salvage:
    """What is known of the file at `path`, of which `first` is the first mistake; keys as the model spells them.

    `form`: what it is written in, if its name does not say.
    """
    found = salvage(first, data, path, form)
    if found.document is None:
        return found
    document = without_stamp(found.document, schema)
    spelled = respell(document, schema)
    return found._replace(document=spelled if isinstance(spelled, Document) else None)


def rest(
    options: Options[Any],
    reads: Mapping[Path, Read],
    salvaged: Mapping[Path, Salvage],
    problems: Iterable[Problem],
    profile: Choice | None,
) -> Rest | None:
    """What the files say without their mistakes of syntax, and what they lack; None if anything else is wrong, or if
    not all mistakes are known.
    """
    if any(each.severity == "error" and each.kind != "syntax" for each in problems):
        return None
    left = {path: each.document for path, each in salvaged.items() if path in reads}
    if None in left.values():
        return None
    found = [left.get(path) or read.document for path, read in reads.items()]
    documents = [each for each in found if each is not None]
    gaps = tuple(gap for path, each in salvaged.items() if path in left for gap in each.gaps)
    if profile is None or options.profile is None:
        return tuple(documents), gaps
    laid, wrong = options.profile.lay(documents, profile, options.schema)
    return None if wrong else (laid, gaps)
