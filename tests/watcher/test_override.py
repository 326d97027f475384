"""`watcher.override`: the strongest layer, for as long as its context lasts."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hotconf import (
    MISSING,
    ConfigError,
    Env,
    HotReloadSettings,
    HotReloadWatcher,
    NoConfigError,
    Problem,
    ReloadDeferred,
    ReloadFailed,
    ReloadSuccess,
    Schema,
    SecretsDir,
    UsageError,
    WatchedFile,
)
from hotconf.report.explanation import as_text, explain
from waiting import wait_until
from watcher.watched import BROKEN, CHANGED, FAR, App, port, save

HERE = "override"


class Db(BaseModel, frozen=True):
    host: str
    pool: int = Field(5, ge=1, validation_alias=AliasChoices("pool", "pool_size"))
    password: SecretStr = SecretStr("")


class Model(BaseModel, frozen=True):
    db: Db
    plugins: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    limit: int = 10
    hot_reload: HotReloadSettings = HotReloadSettings()


GOOD = """\
plugins = ["auth"]

[db]
host = "db.example"
pool = 7

[labels]
team = "a"
"""


@pytest.fixture
def model(path: Path) -> Path:
    """A configuration of the model above."""
    path.write_text(GOOD)
    return path


# Entering and leaving


def test_an_override_is_the_strongest_layer(path, watch):
    """Within it readers see its value, and where that comes from; after it everything is as before."""
    watcher, seen = watch(path, layers=[{"server": {"port": 1}}])
    with watcher.override({"server.port": 2}):
        assert watcher.config.server.port == 2
        assert [answer.origin.where for answer in watcher.snapshot.explain("server.port")] == [
            HERE,
            "layers[0]",
            "config.toml:2:8",
        ]
        assert watcher.snapshot.origin("server.port").layer == HERE
    assert watcher.config.server.port == 1
    assert watcher.snapshot.origin("server.port").where == "layers[0]"
    seen.exactly("ReloadSuccess 2", "ReloadSuccess 3")
    assert [event.summary for event in seen.endings] == [("server.port: 1 → 2",), ("server.port: 2 → 1",)]


def test_callbacks_are_called_at_both_ends(path, watch):
    """An override is a change like any other."""
    watcher, _ = watch(path)
    calls: list[tuple[int, int]] = []
    watcher.on_change("server.port", lambda old, new: calls.append((old, new)))
    with watcher.override({"server.port": 2}):
        wait_until(lambda: calls == [(8000, 2)])
    wait_until(lambda: calls == [(8000, 2), (2, 8000)])


@pytest.mark.parametrize(
    "values",
    [
        {"server.port": 2},
        {("server", "port"): 2},
        {"server": {"port": 2}},
        {"server": {"port": 2}, "server.host": "localhost"},
        {'"server".port': "2"},
    ],
)
def test_keys_are_dotted_or_tuples_or_tables(path, watch, values):
    """Each names the same value, which is taken as the model takes it."""
    watcher, _ = watch(path)
    with watcher.override(values):
        assert (watcher.config.server.port, watcher.config.server.host) == (2, "localhost")


@pytest.mark.parametrize("key", ["db.pool", "db.pool_size", ("db", "pool")])
def test_every_spelling_of_a_key_will_do(model, watch, key):
    """Aliases in the file do not beat an override by another name."""
    model.write_text(GOOD.replace("pool =", "pool_size ="))
    watcher, _ = watch(model, Model)
    with watcher.override({key: 99}):
        assert watcher.config.db.pool == 99
        assert watcher.snapshot.origin("db.pool").where == HERE


class Named(BaseModel, frozen=True):
    max_jobs: int = Field(1, alias="jobs")
    in_dir: str = ""


@pytest.mark.parametrize(("key", "name"), [("jobs", "max_jobs"), ("max_jobs", "max_jobs"), ("in-dir", "in_dir")])
def test_names_in_the_model_and_kebab_will_do(path, watch, key, name):
    """A field may be given by its name, though the file must use its alias."""
    path.write_text("jobs = 2\nin-dir = 'a'\n")
    watcher, _ = watch(path, Schema(Named, kebab=True))
    with watcher.override({key: "7"}):
        assert str(getattr(watcher.config, name)) == "7"


def test_tables_merge_and_other_values_are_replaced(model, watch):
    """As in every layer."""
    watcher, _ = watch(model, Model)
    with watcher.override({"labels.env": "test", "plugins": ("x", "y")}):
        assert watcher.config.labels == {"team": "a", "env": "test"}
        assert watcher.config.plugins == ("x", "y")


def test_missing_removes_what_the_layers_have(model, watch):
    """A field has its default then, a table those of its fields; the origin says so."""
    watcher, _ = watch(model, Model, layers=[{"labels": {"tier": "b"}}])
    with watcher.override({"db.pool": MISSING, "labels": MISSING}):
        assert (watcher.config.db.pool, watcher.config.labels) == (5, {})
        assert watcher.snapshot.origin("db.pool").where == "default"
        assert watcher.snapshot.origin("labels.team") is None
        answers = [(answer.origin.where, answer.value) for answer in watcher.snapshot.explain("db.pool")]
        assert answers == [("default", 5), (HERE, MISSING), ("config.toml:5:8", 7)]
        with watcher.override({"labels": {"only": "this"}}):
            assert watcher.config.labels == {"only": "this"}
    assert (watcher.config.db.pool, watcher.config.labels) == (7, {"team": "a", "tier": "b"})


def test_values_need_not_be_what_a_file_could_hold(model, watch):
    """They are as the model takes them: objects, too. What the caller does to his own later changes nothing."""
    watcher, _ = watch(model, Model)
    plugins = ["a"]
    given: dict[str, Any] = {"db": Db(host="h", pool=3), "plugins": plugins}
    with watcher.override(given):
        plugins.append("b")
        watcher.reload(revalidate=True)
        assert (watcher.config.db.host, watcher.config.db.pool, watcher.config.plugins) == ("h", 3, ("a",))
        with watcher.override({"db": {"host": "i", "password": SecretStr("hunter2hunter2")}}):
            assert watcher.config.db.password.get_secret_value() == "hunter2hunter2"


def test_they_nest_and_may_be_left_in_any_order(path, watch):
    """The one that was entered last counts; leaving one removes only what it said."""
    watcher, _ = watch(path)
    first = watcher.override({"server.port": 1, "tags": ["first"]})
    second = watcher.override({"server.port": 2})
    first.__enter__()
    second.__enter__()
    assert (watcher.config.server.port, watcher.config.tags) == (2, ["first"])
    first.__exit__(None, None, None)
    assert (watcher.config.server.port, watcher.config.tags) == (2, [])
    with first, first:
        assert (watcher.config.server.port, watcher.config.tags) == (1, ["first"])
    second.__exit__(None, None, None)
    assert watcher.config.server.port == 8000


def test_an_override_of_the_same_value_changes_nothing(path, watch):
    """But it is where the value comes from."""
    watcher, seen = watch(path)
    before = watcher.config
    with watcher.override({"server.port": 8000}):
        assert watcher.config is before
        assert watcher.snapshot.origin("server.port").where == HERE
    assert watcher.snapshot.origin("server.port").where == "config.toml:2:8"
    seen.exactly("ReloadUnchanged", "ReloadUnchanged")


def test_it_works_without_a_file(watch):
    """Over layers only."""
    watcher, _ = watch(None, layers=[{"server": {"port": 1}}])
    with watcher.override({"server.port": 2}):
        assert watcher.config.server.port == 2
    assert watcher.config.server.port == 1


def test_it_works_in_coroutines(path, watch):
    """The loop is not blocked meanwhile."""
    watcher, _ = watch(path)

    async def main() -> None:
        async with watcher.override({"server.port": 2}):
            assert watcher.config.server.port == 2
        assert watcher.config.server.port == 8000

    asyncio.run(main())


def test_a_cancelled_entry_leaves_nothing_behind(path, watch, gate):
    """The task does not own what it did not get."""
    watcher, _ = watch(path, checks=[lambda config: gate() if config.server.port == 2 else []])

    async def enter() -> None:
        async with watcher.override({"server.port": 2}):
            raise AssertionError("it was cancelled")

    async def main() -> None:
        task = asyncio.create_task(enter())
        while not gate.entered.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.sleep(0)
        gate.released.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    wait_until(lambda: watcher.config.server.port == 8000)
    with watcher.override({"server.port": 3}):
        pass
    assert watcher.config.server.port == 8000


# Refused


REFUSED = [
    ({"db.pool": 0}, ("db", "pool"), "db.pool"),
    ({"db.pool": "many"}, ("db", "pool"), "db.pool"),
    ({"db.pol": 1}, ("db", "pol"), "db.pol"),
    ({"dbs": {"host": "x"}}, ("dbs",), "dbs"),
    ({"db.pol": MISSING}, ("db", "pol"), "db.pol"),
    ({"db.host": MISSING}, ("db", "host"), "db.host"),
    ({"db": MISSING}, ("db",), "db"),
    ({"db": 7}, ("db",), "db"),
    ({"limit": 6}, ("db", "pool"), "limit"),
    ({"db.pool": 3, "db.pool_size": 4}, ("db", "pool_size"), "db.pool_size"),
    ({"hot_reload.watch_paths": ["x"]}, ("hot_reload", "watch_paths"), "hot_reload.watch_paths"),
    ({"hot_reload": MISSING}, ("hot_reload",), "hot_reload"),
    ({"hot_reload": HotReloadSettings()}, ("hot_reload",), "hot_reload"),
    ({"hot_reload.debounce_ms": -1}, ("hot_reload", "debounce_ms"), "hot_reload.debounce_ms"),
]


def _pool_fits(config: Model) -> list[Problem]:
    if config.db.pool > config.limit:
        return [Problem("the pool is larger than the limit", "db.pool")]
    return []


@pytest.mark.parametrize(("values", "at", "key"), REFUSED)
def test_what_is_not_valid_is_refused_at_its_own_origin(model, watch, values, at, key):
    """It names the key, also if the model does not have it; the configuration stays, and nobody hears of it."""
    watcher, seen = watch(model, Schema(Model, checks=[_pool_fits]))
    before = watcher.snapshot
    with pytest.raises(ConfigError) as raised, watcher.override(values):
        raise AssertionError("it was entered")
    (problem,) = raised.value.problems
    assert (problem.where, problem.path, problem.file) == (HERE, at, None)
    assert key in f"{problem.dotted}: {problem.message}"
    assert watcher.snapshot is before
    assert watcher.reload().reason == "the files are the same"
    seen.exactly("ReloadUnchanged")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (7, "values=7"),
        ({7: 1}, "values=7: give a dotted key"),
        ({"": 1}, "is not a dotted key"),
        ({(): 1}, "() is not a key of a table"),
        ({"plugins[0]": "x"}, "items of arrays cannot be set one by one"),
        ({"db.pool": 1, ("db", "pool"): 2}, "db.pool is given twice"),
        ({"db": MISSING, "db.pool": 1}, "db.pool and a table around it are given"),
        ({"labels": {1: "x"}}, "has the key 1"),
    ],
)
def test_what_is_no_override_is_a_mistake_of_the_program(model, watch, values, message):
    """Before anything is entered."""
    watcher, _ = watch(model, Model)
    with pytest.raises(UsageError, match=r"^values") as raised:
        watcher.override(values)
    assert message in str(raised.value)


def test_one_entry_that_is_refused_spoils_no_other(model, watch):
    """Each is judged by itself."""
    watcher, _ = watch(model, Schema(Model, checks=[_pool_fits]))
    with watcher.override({"db.pool": 9}):
        with pytest.raises(ConfigError), watcher.override({"limit": 8}):
            pass
        assert (watcher.config.db.pool, watcher.config.limit) == (9, 10)
    assert watcher.config.db.pool == 7


def test_it_is_refused_where_reload_is(path, watch):
    """In checks and validators, after close, and where there is no configuration."""
    raised: list[str] = []
    holder: list[HotReloadWatcher[Any]] = []

    def check(config: Any) -> list[Problem]:
        for watcher in holder:
            with pytest.raises(UsageError) as error, watcher.override({"server.port": 1}):
                pass
            raised.append(str(error.value))
        return []

    watcher, _ = watch(path, checks=[check])
    holder.append(watcher)
    watcher.reload(revalidate=True)
    assert raised == ["override() cannot be called from a check, validator or describe: they are part of a load"]
    holder.clear()
    watcher.close()
    with pytest.raises(UsageError, match="closed"), watcher.override({"server.port": 1}):
        pass
    path.write_text(BROKEN)
    without, _ = watch(path, require=False)
    with pytest.raises(NoConfigError), without.override({"server.port": 1}):
        pass
    save(path, port(9))
    wait_until(lambda: without.generation == 1)
    assert without.config.server.port == 9


# While it is entered


def test_saves_are_published_under_it(path, watch):
    """One that differs only in what is overridden changes nothing."""
    watcher, seen = watch(path)
    with watcher.override({"server.port": 2}):
        seen.exactly("ReloadSuccess 2")
        save(path, port(9000))
        seen.exactly("ReloadSuccess 2", CHANGED, "ReloadUnchanged")
        save(path, port(9001) + "host = 'h'\n")
        assert seen.ending(3).summary == ('server.host: "localhost" → "h"',)
        assert (watcher.config.server.port, watcher.config.server.host) == (2, "h")
    assert (watcher.config.server.port, watcher.config.server.host) == (9001, "h")


def test_leaving_on_broken_files_publishes_the_last_good_layers(path, watch):
    """Those without it; the failure is reported again, because that is what the files are."""
    watcher, seen = watch(path)
    with watcher.override({"server.port": 2}):
        save(path, port(9000))
        seen.ending(2)
        save(path, BROKEN)
        assert isinstance(seen.ending(3), ReloadFailed)
        assert watcher.config.server.port == 2
    assert watcher.config.server.port == 9000
    assert isinstance(seen.ending(4), ReloadSuccess)
    assert isinstance(seen.ending(5), ReloadFailed)
    save(path, port(9001))
    wait_until(lambda: watcher.config.server.port == 9001)


def test_entering_on_broken_files_lies_over_the_last_good_layers(path, watch):
    """Operators may override just because the files are broken."""
    watcher, _ = watch(path)
    save(path, BROKEN)
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    with watcher.override({"server.host": "h"}):
        assert (watcher.config.server.port, watcher.config.server.host) == (8000, "h")
    assert (watcher.config.server.port, watcher.config.server.host) == (8000, "localhost")


def test_what_is_good_only_under_it_is_not_good_without_it(path, watch):
    """The last layers that were good without it count then, not what the files say."""
    watcher, seen = watch(path)
    with watcher.override({"server.port": 2}):
        save(path, port(9000))
        seen.ending(2)
        save(path, "server.port = 'none'\nserver.host = 'h'\n")
        seen.ending(3)
        assert (watcher.config.server.port, watcher.config.server.host) == (2, "h")
    assert (watcher.config.server.port, watcher.config.server.host) == (9000, "localhost")
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    assert watcher.last.problems[0].file == path


def test_what_was_refused_because_of_it_is_published_without_it(model, watch):
    """And what it mends is published when it is entered."""
    watcher, seen = watch(model, Schema(Model, checks=[_pool_fits]))
    with watcher.override({"db.pool": 9}):
        save(model, "limit = 8\n" + GOOD)
        assert isinstance(seen.ending(2), ReloadFailed)
        assert watcher.config.limit == 10
    wait_until(lambda: watcher.config.limit == 8)
    assert watcher.config.db.pool == 7
    save(model, "limit = 6\n" + GOOD)
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    with watcher.override({"db.pool": 1}):
        wait_until(lambda: watcher.config.limit == 6)


def test_a_secrets_file_that_goes_is_in_the_last_good_layers(path, watch, tmp_path):
    """They are of the time when all was good."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "server__host").write_text("from-a-secret\n")
    watcher, _ = watch(path, layers=[SecretsDir(tmp_path / "secrets")])
    with watcher.override({"server.port": 2}):
        (tmp_path / "secrets" / "server__host").unlink()
        assert isinstance(watcher.reload(), ReloadFailed)
    assert (watcher.config.server.port, watcher.config.server.host) == (8000, "from-a-secret")


def test_leaving_one_that_another_depends_on_keeps_what_is_in_force(model, watch):
    """Until that is left as well; nothing is raised."""
    watcher, _ = watch(model, Schema(Model, checks=[_pool_fits]))
    limit, pool = watcher.override({"limit": 100}), watcher.override({"db.pool": 50})
    limit.__enter__()
    pool.__enter__()
    limit.__exit__(None, None, None)
    wait_until(lambda: isinstance(watcher.last, ReloadFailed))
    assert (watcher.config.limit, watcher.config.db.pool) == (100, 50)
    pool.__exit__(None, None, None)
    assert (watcher.config.limit, watcher.config.db.pool) == (10, 7)


def test_it_ignores_what_is_busy(path, watch):
    """Only its own change is published then; a deferred save goes on waiting, and is compared anew."""
    watcher, seen = watch(path)
    with watcher.busy("test"):
        save(path, port(9000) + "host = 'h'\n")
        assert isinstance(seen.ending(1), ReloadDeferred)
        with watcher.override({"server.port": 2}):
            assert (watcher.config.server.port, watcher.config.server.host) == (2, "localhost")
            wait_until(lambda: watcher.pending is not None)
            assert [change.dotted for change in watcher.pending.changes] == ["server.host"]
        assert (watcher.config.server.port, watcher.config.server.host) == (8000, "localhost")
        wait_until(lambda: watcher.pending is not None)
    assert (watcher.config.server.port, watcher.config.server.host) == (9000, "h")


def test_an_open_round_goes_on(path, watch):
    """It has its own ending, under the override."""
    watcher, seen = watch(path, debounce_ms=FAR)
    save(path, port(9000) + "host = 'h'\n")
    wait_until(lambda: seen.lines == [CHANGED])
    with watcher.override({"server.port": 2}):
        assert watcher.config.server.host == "localhost"
        assert watcher.reload().summary == ('server.host: "localhost" → "h"',)
        assert watcher.config.server.port == 2
    assert (watcher.config.server.port, watcher.config.server.host) == (9000, "h")


def test_hot_reload_may_be_overridden(path, watch):
    """A test may stop following the files, and follow them again."""
    watcher, _ = watch(path, settings=None, debounce_ms=None)
    with watcher.override({"hot_reload.enabled": False, "hot_reload.debounce_ms": 300}):
        assert (watcher.settings.enabled, watcher.settings.debounce_ms) == (False, 300)
        save(path, port(9000))
    assert watcher.settings.enabled
    wait_until(lambda: watcher.config.server.port == 9000)


def test_there_is_no_drift_because_of_it(path, watch):
    """It is no change of the files."""
    watcher, _ = watch(path)
    with watcher.override({"server.port": 2}):
        assert not watcher.has_drift()
        save(path, port(9000))
        watcher.reload()
        assert not watcher.has_drift()
    assert not watcher.has_drift()


def test_a_discriminator_that_it_changes_drops_the_other_keys(path, watch):
    """As in every layer that is stronger."""

    class File(BaseModel, frozen=True):
        kind: Literal["file"]
        name: str

    class Web(BaseModel, frozen=True):
        kind: Literal["web"]
        url: str

    class Sinks(BaseModel, frozen=True):
        sink: File | Web = Field(discriminator="kind")

    path.write_text("[sink]\nkind = 'file'\nname = 'x'\n")
    watcher, _ = watch(path, Sinks)
    with watcher.override({"sink": {"kind": "web", "url": "u"}}):
        assert watcher.config.sink == Web(kind="web", url="u")
        with pytest.raises(ConfigError) as raised, watcher.override({"sink.name": "y"}):
            pass
        assert raised.value.problems[0].where == HERE
    assert watcher.config.sink == File(kind="file", name="x")


# What it never reaches


def test_it_is_never_kept(path, watch, tmp_path):
    """Neither its values nor what follows from them; a start falls back on the files alone."""
    state_dir = tmp_path / "states"
    watcher, seen = watch(path, state_dir=state_dir)
    marker = "value-of-an-override"
    with watcher.override({"server.host": marker, "tags": [marker]}):
        save(path, port(9000))
        seen.ending(2)
        save(path, port(9001))
        seen.ending(3)
        watcher.reload(revalidate=True)
    save(path, port(9002))
    seen.ending(6)
    watcher.close()
    kept = [each.read_bytes() for each in state_dir.rglob("*") if each.is_file()]
    assert any(b"9001" in each for each in kept)
    assert not any(marker.encode() in each for each in kept)
    path.write_text(BROKEN)
    again, _ = watch(path, state_dir=state_dir)
    assert again.stats.degraded
    assert (again.config.server.port, again.config.server.host) == (9002, "localhost")
    with again.override({"server.host": marker}):
        assert (again.config.server.port, again.config.server.host) == (9002, marker)
        assert again.stats.degraded
    assert again.config.server.host == "localhost"


def test_its_secrets_are_masked(model, watch, caplog):
    """In changes, problems, logs, texts and `repr`, as those of every layer."""
    watcher, seen = watch(model, Model)
    secret = "hunter2-in-an-override"
    override = watcher.override({"db.password": secret, "labels.token": secret})
    with override:
        assert watcher.config.db.password.get_secret_value() == secret
        assert secret not in watcher.scrub(f"it is {secret}")
    with pytest.raises(ConfigError) as raised, watcher.override({"db": {"password": [secret]}, "limit": secret}):
        pass
    assert watcher.scrub(secret) == "********"
    shown = [
        repr(override),
        repr(seen.events),
        caplog.text,
        repr(watcher),
        str(raised.value),
        repr(raised.value.problems),
    ]
    assert not [text for text in shown if secret in text]


# Before the start, after the end, elsewhere


def test_before_the_start_it_counts_from_the_start_on(path, watch):
    """So that a test can replace what only production has."""
    path.write_text("")
    watcher = HotReloadWatcher(path, Model, allow_empty=True)
    with watcher.override({"db.host": "test"}), watcher:
        assert watcher.config.db.host == "test"
        assert watcher.snapshot.origin("db.host").where == HERE
        with watcher.override({"db.pool": 3}):
            assert watcher.config.db == Db(host="test", pool=3)
    assert watcher.config.db.host == "test"


def test_a_start_under_an_override_ends_with_what_the_files_say(path, watch):
    """Once that is left."""
    watcher = HotReloadWatcher(path, App)
    override = watcher.override({"server.port": 2})
    override.__enter__()
    with watcher:
        assert watcher.config.server.port == 2
        override.__exit__(None, None, None)
        assert watcher.config.server.port == 8000


def test_an_override_that_is_not_valid_prevents_the_start(model):
    """It is a layer like the others then."""
    watcher = HotReloadWatcher(model, Model)
    with watcher.override({"db.pool": 0}), pytest.raises(ConfigError) as raised:
        watcher.start()
    assert raised.value.problems[0].where == HERE


def test_leaving_after_close_does_nothing(path, watch):
    """The configuration stays as it was when the watcher was closed."""
    watcher, seen = watch(path)
    with watcher.override({"server.port": 2}):
        seen.exactly("ReloadSuccess 2")
        watcher.close()
    assert watcher.config.server.port == 2
    assert seen.lines == ["ReloadSuccess 2"]


def test_many_threads_enter_and_leave_at_once(path, watch):
    """Each sees its own value within; nothing is left over."""
    watcher, _ = watch(path)

    def work(number: int) -> None:
        for turn in range(10):
            with watcher.override({"tags": [f"{number}.{turn}"]}), watcher.override({"server.host": str(number)}):
                assert watcher.snapshot.origin("tags").where == HERE

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, number) for number in range(4)]:
            done.result(60)
    assert (watcher.config.tags, watcher.config.server.host, watcher.config.server.port) == ([], "localhost", 8000)


def test_a_child_of_a_fork_keeps_those_of_the_thread_that_forked(path, watch):
    """It leaves them itself; those of other threads, which nobody can leave there, are dropped."""
    watcher, _ = watch(path)
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with watcher.override({"tags": ["other"]}):
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(60)
    try:
        with watcher.override({"server.port": 2}):

            def child() -> None:
                wait_until(lambda: watcher.config.tags == [])
                assert watcher.config.server.port == 2
                save(path, port(9000))
                watcher.reload()
                assert watcher.config.server.port == 2

            if not (pid := os.fork()):
                try:
                    child()
                finally:
                    os._exit(1 if sys.exception() else 0)
            assert os.waitpid(pid, 0)[1] == 0
            assert watcher.config.tags == ["other"]
    finally:
        leave.set()
        thread.join(60)


def test_the_environment_and_flags_are_weaker(model, watch, monkeypatch):
    """Every layer is."""
    monkeypatch.setenv("APP_DB__POOL", "3")
    watcher, _ = watch(model, Model, layers=[Env("APP_")])
    with watcher.override({"db.pool": 4}):
        monkeypatch.setenv("APP_DB__POOL", "5")
        watcher.reload()
        assert watcher.config.db.pool == 4
    assert watcher.config.db.pool == 5


def test_a_validator_that_derives_values_sees_them(path, watch):
    """The whole configuration is one that the model made."""

    class Derived(BaseModel, frozen=True):
        host: str = "h"
        url: str = ""

        @model_validator(mode="before")
        @classmethod
        def _url(cls, data: Any) -> Any:
            return {**data, "url": f"http://{data.get('host', 'h')}"}

    path.write_text("host = 'a'\n")
    watcher, _ = watch(path, Derived)
    with watcher.override({"host": "b"}):
        assert watcher.config.url == "http://b"
    assert watcher.config.url == "http://a"


# What else there is


def test_it_beats_the_sources_of_a_settings_class(path, watch, monkeypatch):
    """Those of the class, and of one nested in it."""

    class Inner(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="DB_")
        host: str = "h"
        pool: int = 1

    class Outer(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_")
        port: int = 1
        db: Inner = Field(default_factory=Inner)

    monkeypatch.setenv("APP_PORT", "2")
    monkeypatch.setenv("DB_POOL", "3")
    path.write_text("port = 9\n[db]\nhost = 'x'\n")
    watcher, _ = watch(path, Outer)
    assert (watcher.config.port, watcher.config.db.pool) == (2, 3)
    with watcher.override({"port": 5, "db.pool": 7}):
        assert (watcher.config.port, watcher.config.db.pool, watcher.config.db.host) == (5, 7, "x")
        with watcher.override({"port": MISSING}):
            assert watcher.config.port == 1
    assert (watcher.config.port, watcher.config.db.pool) == (2, 3)


def test_a_file_that_it_names_is_read_and_watched(path, watch, tmp_path):
    """As long as it is named; that of before is as it is by then."""

    class Model(BaseModel, frozen=True):
        cert: WatchedFile
        limit: int = 1

    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.write_text("ONE")
    two.write_text("TWO")
    path.write_text(f"cert = {str(one)!r}\n")
    watcher, _ = watch(path, Model)
    with watcher.override({"cert": str(two)}):
        assert watcher.config.cert.text == "TWO"
        wait_until(lambda: two in watcher.watching)
        two.write_text("TWO AGAIN")
        wait_until(lambda: watcher.config.cert.text == "TWO AGAIN")
        one.write_text("ONE AGAIN")
    wait_until(lambda: watcher.config.cert.text == "ONE AGAIN")
    one.unlink()
    assert isinstance(watcher.reload(), ReloadFailed)
    with watcher.override({"limit": 2}):  # the last good state includes what the file held
        assert (watcher.config.limit, watcher.config.cert.text) == (2, "ONE AGAIN")
    with pytest.raises(ConfigError) as raised, watcher.override({"cert": str(tmp_path / "none.pem")}):
        pass
    assert raised.value.problems[0].where == HERE


def test_an_explanation_says_what_it_removes(path, watch):
    """In what `hotconf explain` prints."""
    watcher, _ = watch(path)
    with watcher.override({"server.port": MISSING}):
        text = as_text(explain(watcher.snapshot, Schema(App), ("server", "port")))
    assert [line.split() for line in text.splitlines()] == [
        ["server.port", "=", "8000"],
        ["default", "8000"],
        [HERE, "removed"],
        ["config.toml:2:8", "8000"],
    ]
