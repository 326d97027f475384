"""Secrets stay in the files and in the config: nothing that is told, logged, raised or printed holds one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr, field_validator, model_validator

from hotconf import ConfigError, HotReloadWatcher, Problem, ReloadSuccess, Schema
from hotconf.report.ndjson import to_json
from hotconf.report.notification import notification
from hotconf.report.problems.lines import concise
from waiting import wait_until
from watcher.watched import WINDOW_MS, Frozen

MARK = "S3CR3T"
"""Stands in every secret, and nowhere else."""


class Account(Frozen):
    name: str
    password: str


class Secretive(Frozen):
    """Secrets of every kind."""

    level: Literal["low", "high"] = "low"
    pin: SecretStr
    api_key: str
    auth_token: Literal["one", "two"] = "one"
    database: str
    secret: list[str]
    http_headers: dict[str, str] = Field(default_factory=dict)
    account: Account | None = None
    spare_token: str = "S3CR3T-default"
    spares: tuple[Account, ...] = (Account(name="b", password="S3CR3T-spare"),)

    @field_validator("api_key")
    @classmethod
    def talkative(cls, value: str) -> str:
        if "refused" in value:
            raise ValueError(f"{value!r} is no good key")
        return value

    @model_validator(mode="after")
    def talkative_too(self) -> Secretive:
        if self.level == "high" and "weak" in self.api_key:
            raise ValueError(f"{self.api_key} is too weak, {self.pin.get_secret_value()} as well")
        return self


def check(config: Secretive) -> Iterable[Problem]:
    """Quotes secrets in its problem, and in what it raises."""
    if "quoted" in config.api_key:
        yield Problem(
            f"{config.api_key} is quoted, and so is {config.database}", path="api_key", hint=f"not {config.api_key}"
        )
    if "raised" in config.api_key:
        raise RuntimeError(f"{config.api_key} at {config.database}, {config.secret}")


def describe(old: Secretive, new: Secretive, changes: object) -> list[str]:
    """Quotes secrets as well."""
    return [f"key: {old.api_key} → {new.api_key}", f"pin: {new.pin.get_secret_value()}", f"at {new.database}"]


GOOD = """\
pin = "S3CR3T-1234"
api_key = "S3CR3T-key"
database = "postgres://user:S3CR3T-db@localhost/app"
secret = ["S3CR3T-a", "S3CR3T-b"]
http_headers = { Authorization = "Bearer S3CR3T-header", Accept = "text/plain" }
account = { name = "a", password = "S3CR3T-account" }
"""
ROTATED = GOOD.replace("S3CR3T-", "S3CR3T-new-")

BAD = {
    "text after the value": GOOD.replace('-key"', '-key" oops'),
    "an open string": GOOD.replace('-key"', "-key"),
    "no quotes": GOOD.replace('"S3CR3T-key"', "S3CR3T-key"),
    "an open array": GOOD.replace('S3CR3T-b"]', 'S3CR3T-b"'),
    "an open table": GOOD.replace('plain" }', 'plain" '),
    "a bad escape": GOOD.replace("-key", "-k\\qey"),
    "a control character": GOOD.replace("-key", "-k\x00ey"),
    "not UTF-8": GOOD.replace("-key", "-k\udcffey"),
    "the key twice": GOOD.replace("database", 'api_key = "S3CR3T-again"\ndatabase'),
    "the table twice": GOOD + '[account]\npassword = "S3CR3T-again"\n',
    "a huge number": GOOD.replace('"S3CR3T-key"', "1" * 5000 + " # S3CR3T"),
    "a number": GOOD.replace('"S3CR3T-1234"', "5") + 'more = "S3CR3T"',
    "an array": GOOD.replace('"S3CR3T-key"', '["S3CR3T-key"]'),
    "a string": GOOD.replace('["S3CR3T-a", "S3CR3T-b"]', '"S3CR3T-a"'),
    "items of a wrong type": GOOD.replace('"S3CR3T-b"', '{ x = "S3CR3T-b" }'),
    "a table of a wrong type": GOOD.replace('{ name = "a", password = "S3CR3T-account" }', '"a:S3CR3T-account"'),
    "an enum": GOOD + 'auth_token = "S3CR3T-three"\n',
    "a field is missing": GOOD.replace("database", "data_base"),
    "a validator": GOOD.replace("-key", "-refused"),
    "a validator of the model": GOOD.replace("-key", "-weak") + 'level = "high"\n',
    "a check": GOOD.replace("-key", "-quoted"),
    "a check that raises": GOOD.replace("-key", "-raised"),
    "too deep": GOOD.replace('"S3CR3T-key"', "[" * 70 + '"S3CR3T"' + "]" * 70),
    "empty": "\n",
}


def everything_told(watcher: HotReloadWatcher[Any], event: Any) -> Iterable[str]:
    """Every way in which an event can be looked at."""
    yield from (repr(event), str(event), notification(event), notification(event, preserved=False), to_json(event))
    for problem in (*getattr(event, "problems", ()), *getattr(event, "warnings", ())):
        yield from (repr(problem), str(problem), problem.with_hint, concise(problem), problem.place)
    for change in getattr(event, "changes", ()):
        yield from (repr(change), str(change), repr(change.old), repr(change.new))
    yield from getattr(event, "summary", ())
    yield from (repr(watcher), str(watcher), repr(watcher.last), repr(watcher.pending), repr(watcher.stats))


def logged(caplog: pytest.LogCaptureFixture) -> Iterable[str]:
    """Every record, formatted with what was raised, and what it was made of."""
    formatter = logging.Formatter("%(name)s %(message)s")
    for record in caplog.records:
        yield formatter.format(record)
        yield repr(record.args)


def discreet(texts: Iterable[str]) -> bool:
    """There are texts, and no secret in any of them."""
    found = list(texts)
    assert found
    for text in found:
        assert MARK not in text
    return True


def save(path: Path, text: str) -> None:
    """Write `text`, whose surrogates stand for bytes that are not UTF-8."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.fixture
def secretive(path, watch, caplog):
    """A watcher of a good file, everything logged."""
    caplog.set_level(logging.DEBUG)
    save(path, GOOD)
    return watch(path, Secretive, checks=[check])


def story_told(caplog: pytest.LogCaptureFixture, endings: int = 1) -> None:
    """Wait until the log has the whole story."""
    wait_until(lambda: sum("event emitted" in record.getMessage() for record in caplog.records) >= endings)


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_save(path, secretive, caplog, content):
    """Whatever is wrong, and wherever: it is told, and no secret is."""
    watcher, seen = secretive
    save(path, content)
    event = seen.exactly("FileChanged config.toml", f"ReloadFailed {seen.ending().kind}")
    story_told(caplog)
    assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_start(path, caplog, content):
    """What `start()` raises, its traceback with all that led to it, and what it logs."""
    caplog.set_level(logging.DEBUG)
    save(path, content)
    watcher = HotReloadWatcher(path, Secretive, checks=[check], debounce_ms=WINDOW_MS)
    with pytest.raises(ConfigError) as raised:
        watcher.start()
    error = raised.value
    assert discreet([str(error), repr(error), repr(error.args), *map(str, error.problems)])
    assert discreet(traceback.format_exception(error))
    assert error.__cause__ is None
    assert error.__context__ is None
    assert discreet([repr(watcher), *logged(caplog)])


def test_secrets_are_rotated(path, secretive, caplog):
    """Every secret changes: each is told as changed, by its key."""
    watcher, seen = secretive
    save(path, ROTATED)
    event = seen.exactly("FileChanged config.toml", "ReloadSuccess 2")
    story_told(caplog)
    assert watcher.config.api_key == "S3CR3T-new-key"
    assert {change.path[0] for change in event.changes} == {
        "pin",
        "api_key",
        "database",
        "secret",
        "http_headers",
        "account",
    }
    assert "api_key: changed (secret)" in event.summary
    assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))


def test_secrets_appear_and_vanish(path, secretive, caplog):
    """A table with a secret is removed and comes back."""
    watcher, seen = secretive
    save(path, GOOD[: GOOD.index("http_headers")])
    seen.ending(1)
    save(path, GOOD)
    seen.ending(2)
    story_told(caplog, 2)
    for event in seen.events:
        assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))


def test_secrets_wait(path, secretive, caplog):
    """Deferred: neither the event nor `pending` tells."""
    watcher, seen = secretive
    with watcher.busy("agent"):
        save(path, ROTATED)
        event = seen.ending()
        story_told(caplog)
        assert watcher.pending is not None
        assert discreet(everything_told(watcher, event))
    assert discreet(everything_told(watcher, seen.ending(2)))
    assert discreet(logged(caplog))


def test_lines_of_the_schemas_own(path, watch, caplog):
    """`describe` may quote what it likes: the lines are told without the secrets."""
    caplog.set_level(logging.DEBUG)
    save(path, GOOD)
    watcher, seen = watch(path, Schema(Secretive, describe=describe))
    save(path, ROTATED)
    event = seen.ending()
    story_told(caplog)
    assert event.summary[0].startswith("key: ")
    assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))


def test_lines_of_the_schemas_own_time_and_again(path, watch):
    """A secret that stays is known from one reload to the next, one that comes or goes is sought."""

    def telling(old: Secretive, new: Secretive, changes: object) -> list[str]:
        return [f"{each.api_key} {each.pin.get_secret_value()} {each.secret} {each!r}" for each in (old, new)]

    alone, other = GOOD[: GOOD.index("account")], GOOD.replace("S3CR3T-account", "S3CR3T-other")
    texts = [GOOD, *(GOOD.replace('"text/plain"', f'"{n}"') for n in range(2)), alone, other, ROTATED, GOOD]
    save(path, texts[0])
    watcher, seen = watch(path, Schema(Secretive, describe=telling))
    for number, text in enumerate(texts[1:], start=1):
        save(path, text)
        event = seen.ending(number)
        assert isinstance(event, ReloadSuccess)
        assert len(event.summary) == 2
        assert discreet(everything_told(watcher, event))


def test_a_describe_that_raises(path, watch, caplog):
    """What it raises is logged, without the secrets that it quotes."""

    def raising(old: Secretive, new: Secretive, changes: object) -> list[str]:
        raise RuntimeError(f"cannot describe {new.api_key}")

    caplog.set_level(logging.DEBUG)
    save(path, GOOD)
    watcher, seen = watch(path, Schema(Secretive, describe=raising))
    save(path, ROTATED)
    event = seen.ending()
    story_told(caplog)
    assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))


def test_secrets_in_a_fragment(path, watch, caplog):
    """A secret in one file, what is wrong in another."""
    caplog.set_level(logging.DEBUG)
    save(path, GOOD)
    extra = path.with_name("extra.toml")
    save(extra, 'api_key = "S3CR3T-extra"\n')
    watcher, seen = watch(path, Secretive, watch_paths=["extra.toml"], checks=[check])
    for count, text in enumerate(
        ('api_key = ["S3CR3T-e"]', 'api_key = "S3CR3T-quoted"', 'api_key = "S3CR3T'), start=1
    ):
        save(extra, text)
        seen.ending(count)
    story_told(caplog, 3)
    for event in seen.events:
        assert discreet(everything_told(watcher, event))
    assert discreet(logged(caplog))
