"""`watcher.health()` and `stats.as_dict()`: what a status page or a probe asks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from hotconf import Health, HotReloadSettings, HotReloadWatcher, Problem, ReloadFailed
from hotconf.problems import Kind
from hotconf.status.health import outline, refused
from waiting import wait_until
from watcher.conftest import Watch
from watcher.watched import App, port, save


def test_a_watcher_is_unwatched_before_its_start_and_after_its_end(path: Path) -> None:
    """And says which."""
    watcher = HotReloadWatcher(path, App)
    assert watcher.health()[:2] == ("unwatched", "not started")
    with watcher:
        assert watcher.health()[:2] == ("ok", "")
    assert watcher.health()[:2] == ("unwatched", "closed")
    assert watcher.health().since <= datetime.now(UTC)


def test_a_failure_shows_its_place_until_a_good_save(path: Path, watch: Watch) -> None:
    """A second failure has another place, and the same beginning."""
    watcher, seen = watch(path)
    began = watcher.health().since
    save(path, "[server]\nport = []\n")
    first = seen.exactly("FileChanged config.toml", "ReloadFailed schema")
    assert watcher.health() == ("failed", "config.toml:2:8: server.port: type mismatch", first.at)
    save(path, "\n[server]\nport = []\n")
    wait_until(lambda: len(seen.endings) == 2)
    assert watcher.health() == ("failed", "config.toml:3:8: server.port: type mismatch", first.at)
    save(path, port(9000))
    wait_until(lambda: watcher.generation == 2)
    assert watcher.health()[:2] == ("ok", "")
    assert began < first.at < watcher.health().since


def test_a_deferred_reload_is_pending(path: Path, watch: Watch) -> None:
    """With what is busy; afterwards it is well since then."""
    watcher, _ = watch(path)
    with watcher.busy("a migration"):
        save(path, port(9000))
        wait_until(lambda: watcher.pending is not None)
        pending = watcher.pending
        assert pending is not None
        assert watcher.health() == ("pending", "deferred while busy: a migration (1 change)", pending.since)
    assert watcher.health().status == "ok"
    assert watcher.health().since > pending.since


def test_without_a_configuration_it_has_failed(path: Path, watch: Watch) -> None:
    """The start went on without one."""
    path.unlink()
    watcher, _ = watch(path, require=False)
    assert watcher.health()[:2] == ("failed", "config.toml: the file is missing")


def test_the_last_good_state_is_degraded(path: Path, watch: Watch, tmp_path: Path) -> None:
    """Until the files are good again, whatever fails meanwhile."""
    states = tmp_path / "states"
    with HotReloadWatcher(path, App, state_dir=states):
        pass
    save(path, "[server\n")
    watcher, seen = watch(path, state_dir=states)
    health = watcher.health()
    assert health[:2] == ("degraded", "started on the last good state: config.toml:1:1: syntax error")
    save(path, "[server]\nport = []\n")
    wait_until(lambda: len(seen.endings) == 2)
    assert watcher.health().since == health.since
    assert watcher.health().reason.endswith("config.toml:2:8: server.port: type mismatch")
    save(path, port(8000))
    wait_until(lambda: watcher.health().status == "ok")


def test_polling_is_degraded_only_where_it_was_not_asked_for(
    path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is that of `stats.trouble`, and it began with the start."""
    watcher, _ = watch(path, observer="poll")
    assert watcher.health().status == "ok"
    watcher.close()

    def refused() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("hotconf.watch.inotify_observer.InotifyObserver", refused)
    watcher, _ = watch(path, reconcile_s=86_400)
    health = watcher.health()
    assert health[:2] == ("degraded", watcher.stats.trouble)
    assert watcher.health() == health


def test_states_that_cannot_be_kept_are_degraded(path: Path, watch: Watch, tmp_path: Path) -> None:
    """Those that another process keeps are not."""
    first, _ = watch(path, state_dir=tmp_path / "states")
    second, _ = watch(path, state_dir=tmp_path / "states")
    wait_until(lambda: any(each.stats.state_trouble is not None for each in (first, second)))
    assert (first.health().status, second.health().status) == ("ok", "ok")
    (tmp_path / "no").write_text("no directory")
    third, _ = watch(path, state_dir=tmp_path / "no")
    wait_until(lambda: third.health().status == "degraded")
    assert third.health().reason.startswith("states are not kept: ")


def test_a_watcher_that_is_off_is_unwatched(path: Path, watch: Watch) -> None:
    """Until a reload turns it on; a failure of such a reload shows all the same."""
    save(path, "[hot_reload]\nenabled = false\n")
    watcher, _ = watch(path)
    assert watcher.health()[:2] == ("unwatched", "hot reload is off")
    save(path, "[hot_reload\n")
    watcher.reload()
    assert watcher.health().status == "failed"
    save(path, "")
    save(path, "[hot_reload]\nenabled = true\n")
    watcher.reload()
    assert watcher.health().status == "ok"


class Planted(BaseModel, frozen=True):
    """Values that are refused in every way."""

    low: int = Field(default=1, lt=10)
    choice: Any = None
    token: SecretStr = SecretStr("")
    pattern: str = Field(default="a", pattern="^a+$")
    hot_reload: HotReloadSettings = HotReloadSettings()


@pytest.mark.parametrize(
    "text",
    [
        "low = 774411774411",
        "low = '774411774411'",
        "low = [774411774411]",
        "low = 774411774411\npattern = '774411774411'",
        "token = 774411774411",
        "pattern = '774411774411'",
        "choice = 774411774411\nchoice = 774411774411",
        "low = = 774411774411",
        "hot_reload.mode = '774411774411'",
        "hot_reload.debounce_ms = 774411774411",
        "choice = '774411774411'",
    ],
)
def test_no_reason_holds_a_value(path: Path, watch: Watch, text: str) -> None:
    """However messages quote them: a check, too."""

    def refuse(config: Planted) -> list[Problem]:
        return [Problem(f"{config.choice} is taken", path="choice")] if config.choice else []

    save(path, "")
    watcher, seen = watch(path, Planted, checks=[refuse], allow_empty=True)
    save(path, text + "\n")
    failed = seen.ending()
    assert isinstance(failed, ReloadFailed)
    health = watcher.health()
    assert health.status == "failed"
    assert health.reason.startswith("config.toml:")
    assert "774411774411" not in json.dumps(health.as_dict())


def test_every_kind_of_problem_is_said_in_words() -> None:
    """None is forgotten, and the message of none is quoted."""
    kinds: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined] # of a Literal
    for kind in kinds:
        problem = Problem("the value 774411774411", path="a", kind=kind)
        assert outline(problem).startswith("a: ")
        assert "774411774411" not in outline(problem)
    assert outline(Problem("Unknown key: a.b", path="a.b", kind="schema")) == "a.b: unknown key"


def test_warnings_are_no_reason() -> None:
    """The first error is, and how many more there are."""
    warning = Problem("odd", path="a", severity="warning")
    errors = (Problem("x", path="b", kind="schema"), Problem("y", path="c"))
    assert refused(ReloadFailed("x", "schema", (warning, *errors))) == "b: not valid (+1 more)"
    assert refused(ReloadFailed("x", "internal", ())) == "internal error, the log says more"


def test_a_reason_is_one_line_of_bounded_length() -> None:
    """Printable, whatever the names of keys and holds."""
    health = Health.of("pending", "a\nb\x1b" + "c" * 10_000, datetime.now(UTC), lambda text, **_: text)
    assert health.reason.startswith("a\\nb\\x1bccc")
    assert len(health.reason) == 300


def test_secrets_are_removed_from_reasons(path: Path, watch: Watch) -> None:
    """What the program names its holds is its own business, but may hold one."""
    save(path, "token = 'tr0ub4dor'\n")
    watcher, _ = watch(path, Planted)
    with watcher.busy("login with tr0ub4dor"):
        save(path, "token = 'tr0ub4dor'\nlow = 2\n")
        wait_until(lambda: watcher.health().status == "pending")
        assert watcher.health().reason == "deferred while busy: login with ******** (1 change)"


def test_health_and_statistics_are_json_with_names(path: Path, watch: Watch) -> None:
    """Phases included, without their single values; what failed, too."""
    watcher, seen = watch(path)
    watcher.on_change("server.port", lambda old, new: 1 / 0)
    save(path, port(9000))
    seen.exactly("FileChanged config.toml", "ReloadSuccess 2")
    wait_until(lambda: watcher.stats.callback_failures == 1)
    stats = json.loads(json.dumps(watcher.stats.as_dict()))
    assert stats["endings"] == {"success": 1, "unchanged": 0, "failed": 0, "deferred": 0}
    assert set(stats) == set(watcher.stats._fields)
    assert set(stats["phases"]["read"]) == {"count", "p50", "p95", "p99", "max"}
    assert datetime.fromisoformat(stats["last_callback_failure"]["at"]).utcoffset() is not None
    health = json.loads(json.dumps(watcher.health().as_dict()))
    assert set(health) == {"status", "reason", "since"}
    assert datetime.fromisoformat(health["since"]) == watcher.health().since
