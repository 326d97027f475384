"""Log records: one line, then indented ones; printable, and without any secret that a watcher knows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NoReturn

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from doubles.inside import reloader_of
from hotconf import HotReloadWatcher
from hotconf.formats.registry import parse
from hotconf.logs import log, records
from outputs.hostile import FORGED, VILLAINS
from waiting import wait_until
from watcher.watched import WINDOW_MS


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    api_key: str = ""
    pin: SecretStr = SecretStr("")
    access_key: int = 0
    url: str = ""


OLD = 'api_key = "S3cr3t-old-one"\npin = "q7z"\naccess_key = 918273645\nurl = "redis://:2024/S3cr3t@h"\n'
NEW = OLD.replace("old-one", "new-one").replace("918273645", "546372819")


def one(caplog: pytest.LogCaptureFixture, begins: str) -> str:
    """The message that begins so, once it has come."""
    wait_until(lambda: records.flush() and any(text.startswith(begins) for text in caplog.messages))
    return next(text for text in caplog.messages if text.startswith(begins))


def is_one_record(text: str) -> bool:
    """Does nothing in it look like a separate line, or reach the terminal?"""
    first, *rest = text.split("\n")
    return first.isprintable() and all(line.startswith("    ") and line.isprintable() for line in rest)


@pytest.mark.parametrize("villain", VILLAINS.values(), ids=VILLAINS)
def test_nothing_that_users_code_raises_forges_a_line(caplog, tmp_path, villain):
    """Nor do its notes, its causes, its groups, the name of a callback, of a thread or of a file."""
    path = tmp_path / villain.replace("/", "").replace("\0", "")[:80]
    path.write_text(OLD)

    def fail(event: object) -> NoReturn:
        try:
            raise KeyError(villain)
        except KeyError as error:
            failure = ExceptionGroup(villain, [ValueError(villain), OSError(2, villain, villain)])
            failure.add_note(villain)
            raise failure from error

    fail.__qualname__ = villain
    with HotReloadWatcher(path, Config, debounce_ms=WINDOW_MS) as watcher:
        watcher.on_event(fail)
        watcher.reload()
        wait_until(lambda: records.flush() and caplog.messages)
    try:
        raise OSError(villain)
    except OSError:
        log.fault("watch", "Not watched: %s", path)
    one(caplog, "Not watched")
    for record in caplog.records:
        assert is_one_record(record.getMessage())
        assert (record.args, record.exc_info, record.exc_text, record.stack_info) == ((), None, None, None)
    assert sum(FORGED in text for text in caplog.messages) >= 2


def test_what_a_callback_raises_holds_no_secret(caplog, tmp_path):
    """Neither an old one nor a new one: in words, numbers, URLs, and short ones as words."""
    path = tmp_path / "config.toml"
    path.write_text(OLD)

    def fail(old: Config, new: Config) -> NoReturn:
        keys = [f"{each.api_key!r} {each.access_key} {each.pin.get_secret_value()}" for each in (old, new)]
        raise RuntimeError(f"could not connect to postgres://bob:hunter2@db/x with {keys} for {new.url}")

    with HotReloadWatcher(path, Config, debounce_ms=WINDOW_MS) as watcher:
        watcher.on_change(lambda config: config, fail)
        path.write_text(NEW)
        watcher.reload()
        text = one(caplog, fail.__module__)
    assert "could not connect to postgres://********@db/x" in text
    for secret in ("S3cr3t", "918273645", "546372819", "'q7z'", " q7z", "hunter2"):
        assert secret not in text.split("Error:")[1]


def test_the_secrets_of_one_watcher_are_not_told_by_another(caplog, tmp_path):
    """Nor those of states that are no longer published, but may still appear in late messages."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(OLD)
    second.write_text("")

    def fail(event: object) -> NoReturn:
        raise RuntimeError("S3cr3t-old-one and S3cr3t-new-one")

    with (
        HotReloadWatcher(first, Config, debounce_ms=WINDOW_MS) as one_watcher,
        HotReloadWatcher(second, Config, debounce_ms=WINDOW_MS, allow_empty=True) as other,
    ):
        first.write_text(NEW)
        one_watcher.reload()
        other.on_event(fail)
        other.reload()
        assert "S3cr3t" not in one(caplog, fail.__module__)


def test_a_short_secret_of_one_watcher_does_not_reveal_the_rest_of_a_long_one(caplog, tmp_path):
    """What is left of the long one would be no secret that the other knows."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('pin = "one"')
    second.write_text(OLD)

    def fail(event: object) -> NoReturn:
        raise RuntimeError("S3cr3t-old-one")

    with (
        HotReloadWatcher(first, Config, debounce_ms=WINDOW_MS),
        HotReloadWatcher(second, Config, debounce_ms=WINDOW_MS) as watcher,
    ):
        watcher.on_event(fail)
        watcher.reload()
        assert "RuntimeError: ********" in one(caplog, fail.__module__)


def test_variables_with_the_names_of_secrets_are_known(caplog, monkeypatch):
    """Those of the environment; but not the working directory, whose name is `PWD`."""
    monkeypatch.setenv("PGPASSWORD", "S3cr3t-of-the-shell")
    monkeypatch.setenv("PWD", "/somewhere/else")
    log.warning("state", "States of %s are not kept: %s", Path("/x"), "S3cr3t-of-the-shell at /somewhere/else")
    assert "kept: ******** at /somewhere/else" in one(caplog, "States of")


def test_an_exception_that_cannot_be_told_is_named(caplog):
    """Its text is users' code."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise SystemExit

    try:
        raise SilentError
    except SilentError:
        log.fault("watch", "It failed")
    assert one(caplog, "It failed").split("\n")[-1].strip().endswith("SilentError: <exception str() failed>")


def test_what_a_load_parsed_is_not_parsed_for_the_log(monkeypatch, tmp_path):
    """It would hold the GIL while the commit becomes visible. After a refused load the published text is parsed."""
    path = tmp_path / "config.toml"
    path.write_text(OLD)
    parsed = []
    monkeypatch.setattr(
        "hotconf.formats.registry.parse", lambda *given, **options: parsed.append(parse(*given, **options))
    )
    with HotReloadWatcher(path, Config, debounce_ms=60_000) as watcher:
        wait_until(records.flush)
        path.write_text(NEW)
        watcher.reload()
        snapshot, known = watcher.snapshot, reloader_of(watcher).publisher.secrets
        known.publish(snapshot, None)
        assert {"S3cr3t-new-one", "546372819", "q7z"} <= known.scrubber().secrets
        assert parsed == []
        path.write_text("broken")
        watcher.reload()
        monkeypatch.setattr("hotconf.formats.registry.parse", parse)
        known.publish(snapshot, None)
        assert {"S3cr3t-new-one", "546372819", "q7z"} <= known.scrubber().secrets


def test_a_watcher_takes_secrets_out_of_texts(tmp_path):
    """For logs of the program's own."""
    path = tmp_path / "config.toml"
    path.write_text(OLD)
    with HotReloadWatcher(path, Config, debounce_ms=WINDOW_MS) as watcher:
        assert watcher.scrub("key S3CR3T-OLD-ONE, pin q7z, 918273645") == "key ********, pin ********, ********"
        assert "S3cr3t-old-one" in watcher.secrets


@pytest.fixture(autouse=True)
def everything(caplog):
    """All levels."""
    caplog.set_level(logging.DEBUG, logger="hotconf")
