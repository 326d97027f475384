"""`salvaged`: all that is wrong with the syntax of a file, and what it says without that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotconf.config.spelling import respell, without_stamp
from hotconf.formats.base import Document
from hotconf.formats.registry import named, salvage
from hotconf.problems import Problem
from hotconf.sources.base import Options

if TYPE_CHECKING:
    from hotconf.formats.salvage import Salvage


def salvaged(first: Problem, options: Options[Any], path: Path, data: bytes) -> Salvage:
    """What is known of the file at `path`, of which `first` is the first mistake; keys as the model spells them."""
    found = salvage(first, data, path, named(options.language(path)))
    if found.document is None:
        return found
    document = without_stamp(found.document, options.schema)
    spelled = respell(document, options.schema)
    return found._replace(document=spelled if isinstance(spelled, Document) else None)
