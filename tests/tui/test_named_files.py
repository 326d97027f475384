"""The app with a configuration that names files: it shows path and size, and takes none for configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from hotconf import WatchedFile
from hotconf.schema import Schema
from hotconf.sources.base import Options
from hotconf.tui.past.states import Question
from hotconf.tui.past.timeline import State
from hotconf.tui.session import Session
from hotconf.tui.view.facts import Update
from waiting import wait_until
from watcher.watched import save


class App(BaseModel, frozen=True):
    prompts: WatchedFile
    n: int = 0


def test_what_going_back_would_replace(tmp_path: Path) -> None:
    """Configuration only, though the other file could be read as such; no content of it is in any update."""
    main = tmp_path / "config.toml"
    main.write_text("prompts = 'prompts.toml'\n")
    (tmp_path / "prompts.toml").write_text("hidden = 1\n")
    updates: list[Update] = []
    failures: list[BaseException] = []
    session = Session(main, lambda: Options(main, Schema(App)))
    session.start(updates.append, failures.append)
    try:
        wait_until(lambda: failures or any(update.facts.generation for update in updates))
        before = updates[-1].facts.snapshot
        save(tmp_path / "prompts.toml", "hidden = 22\n")
        wait_until(lambda: failures or updates[-1].facts.generation == 2)
        save(main, "prompts = 'prompts.toml'\nn = 1\n")
        wait_until(lambda: failures or updates[-1].facts.generation == 3)
        assert before is not None
        question = session.states.question(State(generation=1, files=before.files, snapshot=before))
        assert isinstance(question, Question)
        assert [path for path, _ in (*question.plan.current, *question.plan.target)] == [main, main]
        assert "prompts.toml (12 bytes)" in repr(updates)
        assert "hidden" not in repr(updates)
    finally:
        session.close()
