"""The page about a FastAPI service: typed as it stands, with a real server, which listens on a Unix socket here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")
pytest.importorskip("uvicorn")

from docs.walk import walk

ASK = """\
    import http.client, socket, sys, time

    def ask(path="/"):
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect("app.sock")
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def until(text, path="/"):
        deadline = time.monotonic() + 60
        while True:
            try:
                if text in ask(path):
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                sys.exit(f"{path} does not say {text}")
            time.sleep(0.02)
"""
CURL = "print(ask())\n"
UNTIL = "until(*sys.argv[1:])\n"
SERVE = """\
import os, pathlib, signal, subprocess

pid = pathlib.Path("pid")
if pid.exists():
    os.kill(int(pid.read_text()), signal.SIGTERM)
pathlib.Path("app.sock").unlink(missing_ok=True)
command = [sys.executable, "-m", "uvicorn", sys.argv[1], "--uds", "app.sock"]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
pid.write_text(str(server.pid))
until("to a page")
"""


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Path]:
    """`curl`, and what starts the server and waits for its answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in (("curl", CURL), ("until-it-says", UNTIL), ("serve", SERVE)):
        (folder / name).write_text(f"#!{sys.executable}\n{textwrap.dedent(ASK)}\n{body}")
        (folder / name).chmod(0o755)
    yield folder
    if (pid := tmp_path / "pid").exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_the_page_works_as_it_says(tmp_path: Path, programs: Path) -> None:
    """From the empty folder to variables that override the file; its tests pass without a warning."""
    assert walk("docs/fastapi.md", tmp_path, str(programs)) == 7
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "test_shop.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "2 passed" in done.stdout, done.stdout
    assert not (tmp_path / "states").exists()
