"""Values as documents, with remarks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from hotconf.report.writing import toml, yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hotconf.formats.base import Format


_UNFIT: Final = re.compile(r"[^\n -~]")


def document(form: Format, table: Mapping[str, Any], remark: toml.Remark = lambda _: "") -> str:
    """`table` in the format `form`, with the remark on each value as a comment, if there can be any."""
    if form.name == "JSON":
        text = json.dumps(table, indent=2, ensure_ascii=False, default=str)
        return _UNFIT.sub(lambda char: char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1], text) + "\n"
    return yaml.document(table, remark) if form.name == "YAML" else toml.document(table, remark)
