"""Draws `recording.svg`: the README's program at work, during a good save and a broken one.

The program and its file are the README's. They run here, in a directory of their own, with real saves; the picture
shows what was printed. Only the pauses are the picture's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

README = Path(__file__).parents[1] / "README.md"
PICTURE = Path(__file__).with_name("recording.svg")
CHECK = "hotconf check config.yaml --app service:watcher"
BETTER = ("workers: 4", "workers: 8")
BROKEN = ("beta]", "beta, gamma")
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """What the file says from now on, and what each terminal prints then."""

    text: str
    service: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)


def record() -> list[Step]:
    """Run the README's program, save twice, and have the second save checked."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for file in ("service.py", "config.yaml"):
            (directory / file).write_text(block(file), encoding="utf-8")
        path = directory / "config.yaml"
        with _service(directory) as lines:
            steps = [Step(path.read_text(), _until(lines, "loaded"))]
            for old, new in (BETTER, BROKEN):
                path.write_text(path.read_text().replace(old, new))
                steps.append(Step(path.read_text(), _until(lines, "reload")))
        steps[-1].check.extend(_typed(CHECK, directory))
        return steps


def block(file: str) -> str:
    """The README's block that starts with this file's name as a comment, without that line."""
    found = re.search(
        rf"^```\w+\n# {re.escape(file)}\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    if not found:
        raise ValueError(f"the README has no block of {file}")
    return found[1]


def printed(steps: list[Step]) -> str:
    """Everything that the program printed."""
    return "".join(f"{line}\n" for step in steps for line in step.service)


@contextmanager
def _service(directory: Path) -> Iterator[SimpleQueue[str]]:
    lines: SimpleQueue[str] = SimpleQueue()
    command = [sys.executable, "service.py"]
    running = subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    with running:
        reader = Thread(target=lambda: [lines.put(line.rstrip("\n")) for line in running.stdout or ()], daemon=True)
        reader.start()
        try:
            yield lines
        finally:
            running.terminate()
            reader.join()


def _until(lines: SimpleQueue[str], text: str) -> list[str]:
    """What the log says, to the line with the text, and what the program prints next.

    The program prints all the time, and the log is written by another thread: earlier lines of the program are left out.
    """
    found: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    while not found or text not in found[-1]:
        found.append(_next(lines, deadline))
    return [*(line for line in found if "workers on" not in line), _next(lines, deadline)]


def _next(lines: SimpleQueue[str], deadline: float) -> str:
    try:
        return lines.get(timeout=max(0, deadline - time.monotonic()))
    except Empty:
        raise TimeoutError("the program prints nothing more") from None


def _typed(command: str, directory: Path) -> list[str]:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDE)}
    environment.pop("NO_COLOR", None)
    words = [sys.executable, "-m", *command.split()]
    done = subprocess.run(
        words,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE_S * 2,
        check=False,
    )
    return done.stdout.splitlines()


# The picture.

CHARACTER, LINE, PAD, BAR = 8.4, 19, 14, 26
NARROW, WIDE = 25, 68
"""Columns of the file, and of the terminal next to it; the program's terminal is as wide as both."""
TOP, BOTTOM = 9, 8
"""Lines of the two rows of terminals."""
STARTS_S, LENGTH_S = (0.0, 3.0, 7.0), 16.0
CHECKED_S = 9.0
COLOURS = {
    "0": "#6b7785",
    "1": "#f07178",
    "2": "#8fd18a",
    "3": "#e6b450",
    "4": "#73b8ff",
    "5": "#d2a6ff",
    "6": "#5ccfe6",
}
ANSI = re.compile(r"\x1b\[([\d;]*)m")
CSS = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5dae0;
  white-space: pre }
.pane { fill: #12171f; stroke: #3a4452 } .bar { fill: #232b36 } .name { fill: #98a4b3; font-size: 12px }
.typed { fill: #8fd18a } .log { fill: #98a4b3 } .warning { fill: #e6b450 } .dim { fill: #6b7785 } .saved { fill: #8fd18a; font-size: 12px }
.old { opacity: 0 }
@media (prefers-reduced-motion: reduce) { * { animation: none !important } }
"""


def drawn(steps: list[Step]) -> str:
    """The picture, an SVG that plays in a loop. Where nothing moves, it shows the end."""
    canvas = _Canvas()
    left, right = NARROW * CHARACTER + 2 * PAD, WIDE * CHARACTER + 2 * PAD
    width, top = left + 8 + right, BAR + TOP * LINE + PAD
    canvas.pane(0, 0, left, top, "config.yaml")
    canvas.pane(left + 8, 0, right, top, "a terminal")
    canvas.pane(0, top + 8, width, BAR + BOTTOM * LINE + PAD, "the running program")
    ends = [*STARTS_S[1:], None]
    for step, start, end in zip(steps, STARTS_S, ends, strict=True):
        for number, line in enumerate(step.text.splitlines()):
            canvas.text(PAD, BAR, number, _yaml(line), start, end)
        if start:
            canvas.text(left - 5 * PAD, 0.5, 0, '<tspan class="saved">● saved</tspan>', start, start + 1.5)
    canvas.text(PAD, top + 8 + BAR, 0, _command("python service.py"), 0, None)
    row = 1
    for step, start in zip(steps, STARTS_S, strict=True):
        for number, line in enumerate(step.service):
            after = start + 0.3 + 1.2 * (number > 0 and "workers on" in line) if start else 0
            for part in _wrapped(line, NARROW + WIDE):
                canvas.text(PAD, top + 8 + BAR, row, _logged(part, line), after, None)
                row += 1
    canvas.text(left + 8 + PAD, BAR, 0, _command(CHECK), CHECKED_S, None)
    for number, line in enumerate(steps[-1].check):
        canvas.text(left + 8 + PAD, BAR, number + 1, _ansi(line), CHECKED_S + 0.8, None)
    height = top + 8 + BAR + BOTTOM * LINE + PAD
    return canvas.svg(width, height)


class _Canvas:
    def __init__(self) -> None:
        self.shapes: list[str] = []
        self.moves: dict[tuple[float, float | None], str] = {}

    def pane(self, x: float, y: float, width: float, height: float, name: str) -> None:
        place = f'x="{x + 0.5:g}" y="{y + 0.5:g}" width="{width - 1:g}"'
        self.shapes.append(f'<rect class="pane" {place} height="{height - 1:g}" rx="7"/>')
        self.shapes.append(f'<rect class="bar" {place} height="{BAR - 6}" rx="7"/>')
        self.shapes.append(f'<text class="name" x="{x + PAD:g}" y="{y + 14.5:g}">{name}</text>')

    def text(self, x: float, y: float, row: int, markup: str, start: float, end: float | None) -> None:
        """One line, seen from `start` to `end`."""
        kind = ""
        if start or end is not None:
            name = self.moves.setdefault((start, end), f"line{len(self.moves)}")
            kind = f' class="{name}{" old" if end is not None else ""}"'
        self.shapes.append(f'<text{kind} x="{x:g}" y="{y + 14 + row * LINE:g}" xml:space="preserve">{markup}</text>')

    def svg(self, width: float, height: float) -> str:
        rules = []
        for (start, end), name in self.moves.items():
            first, last = 100 * start / LENGTH_S, 100 * (LENGTH_S if end is None else end) / LENGTH_S
            hidden = [f"0%,{first:.2f}%{{opacity:0}}"] if start else []
            gone = [f"{last:.2f}%,100%{{opacity:0}}"] if end is not None else []
            shown = f"{first + 0.01 if start else 0:.2f}%,{last - 0.01:.2f}%{{opacity:1}}"
            rules.append(f"@keyframes {name} {{ {' '.join([*hidden, shown, *gone])} }}")
            rules.append(f".{name} {{ animation: {name} {LENGTH_S:g}s linear infinite }}")
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">'
        style = CSS + "\n".join(rules)
        return "\n".join([head, f"<style>\n{style}\n</style>", *self.shapes, "</svg>", ""])


def _wrapped(line: str, width: int) -> list[str]:
    """As a terminal does it: in the middle of a word."""
    return [line[at : at + width] for at in range(0, len(line), width)]


def _command(text: str) -> str:
    return f'<tspan class="dim">$ </tspan><tspan class="typed">{escape(text)}</tspan>'


def _logged(part: str, line: str) -> str:
    kind = "warning" if line.startswith("WARNING") else "log" if line.startswith("INFO") else ""
    return f'<tspan class="{kind}">{escape(part)}</tspan>' if kind else escape(part)


def _yaml(line: str) -> str:
    key, colon, value = line.partition(":")
    return f'<tspan fill="{COLOURS["4"]}">{escape(key)}</tspan>{colon}{escape(value)}'


def _ansi(line: str) -> str:
    """The terminal's colours as those of the picture."""
    parts, colour, bold = [], "", False
    for number, part in enumerate(ANSI.split(line)):
        if number % 2 == 0:
            style = (f' fill="{colour}"' if colour else "") + (' font-weight="bold"' if bold else "")
            parts.append(f"<tspan{style}>{escape(part)}</tspan>" if style and part else escape(part))
            continue
        for code in part.split(";"):
            if code in ("", "0"):
                colour, bold = "", False
            elif code == "1":
                bold = True
            elif code == "2":
                colour = COLOURS["0"]
            elif len(code) == 2 and code[0] in "39":
                colour = COLOURS.get(code[1], "")
    return "".join(parts)


if __name__ == "__main__":
    PICTURE.write_text(drawn(record()), encoding="utf-8")
