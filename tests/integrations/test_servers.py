"""The examples in real processes, started as they say: no error, no torn answer, the last save from every worker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("django")
pytest.importorskip("fastapi")
pytest.importorskip("flask")
pytest.importorskip("gunicorn")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

from integrations.servers import COMMANDS, EXAMPLES, SAVES, load, serving
from torture.extent import FULL

SHORT = ("uvicorn-workers", "asgi", "flask-run", "gunicorn-gthread-preload", "runserver")
RESTARTS = ("flask-debug", "flask-script", "runserver")
"""The process that is started only restarts the one that serves."""
REQUESTS = 10_000 if FULL else 100


@pytest.mark.parametrize("name", COMMANDS if FULL else SHORT)
def test_saves_under_load(name: str, tmp_path: Path) -> None:
    """Every answer is of one generation, none is an error, and every process has the last save in the end."""
    with serving(name, tmp_path) as server:
        outcome = asyncio.run(load(server, REQUESTS))
        assert name not in RESTARTS or server.threads == 1
        log = server.log.read_text()
    assert not outcome.errors, (outcome, log)
    assert not outcome.torn
    assert not outcome.back
    assert outcome.saves >= SAVES
    assert set(outcome.latest.values()) == {outcome.saves}
    assert len(outcome.latest) == server.workers
    assert "Traceback" not in log


def test_a_command_of_django(tmp_path: Path) -> None:
    """It reads the configuration as a program does."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "django/manage.py", "greet"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello\n"
