"""One file of 1 MiB, of whatever costs most, loaded by a fresh process: processor time and peak of memory."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bench.process import once
from bench.table import Row

SIZE: Final = 1 << 20
GOAL_S: Final = 2.0
GOAL_MB: Final = 300


def _filled(begin: str, item: Callable[[int], str], end: str = "") -> str:
    def items() -> Iterator[str]:
        left, nth = SIZE - len(begin) - len(end), 0
        while left >= len(text := item(nth)):
            yield text
            left, nth = left - len(text), nth + 1

    return f"{begin}{''.join(items())}{end}\n"[:SIZE]


TEXTS: Final[dict[str, Callable[[], str]]] = {
    "valid tables": lambda: _filled("", lambda nth: f'[values.t{nth}]\nname = "n{nth}"\nport = {nth}\n'),
    "keys that no field has": lambda: _filled("", lambda nth: f"unknwon{nth} = {nth}\n"),
    "items wrong for a union of 4 models": lambda: _filled("steps = [", lambda _: "{},", "{}]"),
    "items of the wrong type": lambda: _filled("numbers = [", lambda _: '"x",', '"x"]'),
    "one key": lambda: _filled("", lambda _: "aB", " = 1"),
    "one string": lambda: _filled('text = "', lambda _: "password: ", '"'),
    "secrets": lambda: _filled("[values.keys]\n", lambda nth: f'k{nth}_token = "secret-{nth:07}"\n'),
    "tables with a field for a secret": lambda: _filled("items = [", lambda _: "{b=1},", "{}]"),
    "JSON that is wrong for a union": lambda: _filled("packed = '[", lambda _: "{},", "{}]'"),
    "a string that never ends": lambda: _filled("[a]\n", lambda nth: f"k{nth} = 'v'\n", 'b = "'),
}


def rows(*, quick: bool) -> list[Row]:
    """A row for each text; with `quick` for half of them."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for nth, what in enumerate(TEXTS):
            if quick and nth % 2 == 1:
                continue
            spent_s, peak_mb = once("bench.mebibyte", what, name)
            goal = f"≤ {GOAL_S:g} s, {GOAL_MB} MB"
            good = spent_s <= GOAL_S and peak_mb <= GOAL_MB
            label = f"load, 1 MiB: {what}"
            found.append(Row(label, "", goal, f"{spent_s:.2f} s of CPU, peak {peak_mb:.0f} MB", good, label))
    return found


def load(what: str, directory: Path) -> list[float]:
    """Processor time of the load in seconds, and the peak of the process's memory in MB."""
    from pydantic import BaseModel, Json

    from hotconf import Schema
    from hotconf.runtime.load import load as load_files
    from hotconf.sources.base import Options

    class One(BaseModel):
        name: str

    class Two(BaseModel):
        port: int

    class Three(BaseModel):
        items: list[int]

    class Four(BaseModel):
        table: dict[str, int]

    class Account(BaseModel):
        name: str = ""
        password: str = ""

    class Config(BaseModel):
        items: list[Account] = []
        packed: Json[list[One | Two | Three | Four]] = []
        values: dict[str, dict[str, Any]] = {}
        steps: list[One | Two | Three | Four] = []
        numbers: list[int] = []
        text: str = ""

    path = directory / "config.toml"
    path.write_text(TEXTS[what]())
    began = time.process_time()
    load_files(Options(path, Schema(Config), max_bytes=2 * SIZE))
    return [time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def main() -> None:
    """Arguments: what, a directory. Prints what was measured."""
    what, directory = sys.argv[1:]
    print(json.dumps(load(what, Path(directory))))
