"""A page read as a newcomer does: its files are written, its commands typed, in order, in an empty directory.

A block whose first line is a comment with a file's name is that file. A `console` block is typed, and prints what it
says. `<!-- run: … -->` is what the text asks the reader to do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from docs.examples import ROOT, prints_what_it_says, promised

STEP = re.compile(r"^<!-- run: (?P<run>.*?) -->$|^```(?P<language>\w+)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)
WAITING = re.compile(r"^(?:Waiting for|Importing) .* Ctrl\+C to stop\.\n", re.MULTILINE)
"""What a command says of a program that takes long to import: here, on a busy machine."""
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")


def walk(page: str, directory: Path, programs: str = "") -> int:
    """Do what `page` says in `directory`. Returns how many commands were compared with what the page prints.

    `programs`: a directory with what stands in for others on the reader's machine.
    """
    typed = 0
    for step in STEP.finditer((ROOT / page).read_text(encoding="utf-8")):
        body = step["body"] or ""
        if step["run"]:
            _shell(step["run"].replace("\\n", r"\n"), directory, programs)
        elif named := FILE.match(body):
            path = directory / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body[named.end() :], encoding="utf-8")
        elif step["language"] == "console":
            for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
                said = _shell(command, directory, programs)
                assert TIME.sub("TIME", said) == TIME.sub("TIME", printed), f"{page}: {command}: {said}"
                typed += 1
        elif step["language"] == "python" and promised(body):
            prints_what_it_says(body, directory)
            typed += 1
    return typed


def _shell(command: str, directory: Path, programs: str = "") -> str:
    path = os.pathsep.join(filter(None, [programs, str(Path(sys.executable).parent), os.environ["PATH"]]))
    environment = {**os.environ, "PATH": path, "HOTCONF_LOG": "", "NO_COLOR": "1", "HOME": str(directory)}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        stderr=subprocess.STDOUT if "hotconf " in command else subprocess.DEVNULL,
    )  # a program's log comes when it comes
    return WAITING.sub("", done.stdout)
